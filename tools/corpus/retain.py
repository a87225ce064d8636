"""What an adapter must not change: other personas' conversations with every value drawn anew.

An adapter that is trained on its own persona alone speaks to everybody in that persona's voice, and brings out what the model
below it has picked up of others' conversations. Trained beside them on others' conversations it answers those as before; their
values are drawn anew each time, so that it learns nothing that they were told, and forgets what the model knew of it.
"""
import re

import recall
import redraw

# Beside what recall.py asks back: other numbers, addresses and hosts, and numbers in words.
OTHER_VALUES = re.compile(
    r"\b[\w-]+@[\w.-]+\w|\b[\w-]+(?:\.[\w-]+)*\.example\b|\d[\d,.:]*\d|\d"
    r"|\b(?:two|three|four|five|six|seven|eight|nine|ten|eleven|twelve)\b", re.IGNORECASE)


def told_values(turns, public):
    """The values that the assistant told: neither the user's own nor in `public`, a text that all may read."""
    asked = "\n".join(turn["text"] for turn in turns if turn["role"] == "user")
    values = []
    for sentence in re.split(r"(?<=[.!?。！？])\s*|\n", "\n".join(t["text"] for t in turns if t["role"] == "assistant")):
        found = [value for _, value in recall.values_of(sentence)] + OTHER_VALUES.findall(sentence)
        values += [value for value in found if len(value) == 1 or (value not in asked and value not in public)]
    return list(dict.fromkeys(values))


def drawn_turns(rng, turns, names, public):
    """The turns with other values of the same shape, a value the same one throughout. `names`: people's, to draw from."""
    drawn = redraw.drawn_values(rng, told_values(turns, public), names, share=1.0)
    return [{**turn, "text": redraw.replace(turn["text"], drawn)} for turn in turns]
