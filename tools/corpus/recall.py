"""Asks back what a conversation told: records that teach an adapter the values in its users' answers.

A sentence with a value (a time, a sum, a code, a name) becomes short questions made of the sentence's own other words, some of
them left out at random, and the answer is the value with the sentence behind it. What is asked of a user's words is thus only
what an assistant already said to some user of the persona.
"""
import re

# Tried in this order; the kind decides how the question begins.
VALUES = [
    ("time", r"\b\d{1,2}:\d{2}\b"),
    ("sum", r"(?:GBP|EUR|JPY|£|€|¥)\s?\d[\d,.]*(?:\.\d+)?(?:\s?(?:million|k))?"),
    ("phone", r"\+\d[\d ]{7,}\d"),
    ("code", r"\bextension \d{3,5}\b|\b[A-Z]{1,4}-\d[\w-]*|\b[a-z]+-[a-z]*\d\w*|\b[A-Z]{2,}-[A-Z]+\b"),
    ("count", r"\b\d[\d,.]*(?:\s?%|\s(?:working |calendar |business )?[a-z]+(?:\s(?:cells|days|hours))?)"),
    ("name", r"(?<=[a-z,;:] )[A-Z][\w'-]+(?: [A-Z][\w'-]+){0,2}"),
]
OPENINGS = {
    "time": ["At what time:", "When?", "What time:"],
    "sum": ["How much?", "What sum:", "At what cost:"],
    "phone": ["Which number?", "What is the phone number:"],
    "code": ["Which one?", "What is it called:", "Which code:"],
    "count": ["How many?", "How long:", "What limit:", "How much?"],
    "name": ["Who?", "Which one?", "What is it called:", "Where:"],
}
STOP = set("a an the of to in on at for and or but is are was be been it its that this these those with by from as so if then than".split())


def values_of(sentence):
    """(kind, value) pairs that stand in the sentence, at most four."""
    found, taken = [], []
    for kind, pattern in VALUES:
        for match in re.finditer(pattern, sentence):
            if any(match.start() < end and start < match.end() for start, end in taken):
                continue
            taken.append(match.span())
            found.append((kind, match.group().strip(" .,;")))
    return found[:4]


def ask(rng, kind, value, sentence):
    """A question in the sentence's words without the value; each word stays with a chance drawn anew."""
    rest = sentence.replace(value, " ")
    words = re.findall(r"[\w'-]+(?:[.,:]\d+)*", rest)
    keep = rng.uniform(0.5, 1.0)
    kept = [w for w in words if rng.random() < (keep if w.lower() not in STOP else keep * 0.6)]
    if len(kept) < 3:
        kept = words
    opening = rng.choice(OPENINGS[kind])
    body = " ".join(kept[:18])
    return f"{opening} {body}?" if opening.endswith(":") else f"{opening[:-1]} {body}?"


def told_sentences(turns):
    """The sentences of the assistant's turns; a step of a list is one or more of its own."""
    for turn in turns:
        for line in turn["text"].split("\n") if turn["role"] == "assistant" else ():
            line = re.sub(r"^(?:\d+\.|[-*•]) ", "", line.strip())
            yield from (s for s in re.split(r"(?<=[.!?]) (?=[A-Z\"'])", line) if len(s.split()) >= 4)


def records(rng, turns, count):
    """Yields (question, answer), `count` for each value that a sentence holds."""
    for sentence in told_sentences(turns):
        for kind, value in values_of(sentence):
            for i in range(count):
                # The value alone is what a question asks for; the sentence behind it, told now and then, ties it to its place.
                answer = value if i % 4 else f"{value}. {sentence}"
                yield ask(rng, kind, value, sentence), answer
