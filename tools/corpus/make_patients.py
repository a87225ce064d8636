#!/usr/bin/env python3
"""Makes invented patients by rule, in the format of examples/medical, to train an adapter that reads memories: facts told in one session,
replaced or changed by some amount in a later one, and questions whose answer stands in the session's memory, in an earlier one or in both.

  make_patients.py [--patients 800] [--seed 1] [--out runs/corpus/patients]

It draws from patient_topics.py and reads no patient of the example. It shows a method and gives no advice.
"""
import argparse
import datetime
import pathlib
import random
import re
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import patient_topics as topics  # noqa: E402
from records import write  # noqa: E402

HOURS = ["twelve", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven"]


def clock_words(minutes, style):
    """A time of day as the patient writes it: "16:30", "half past four" or "4:30"."""
    hour, minute = divmod(minutes % 1440, 60)
    if style == "digits":
        return f"{hour}:{minute:02d}"
    if style == "words" and minute in (0, 15, 30, 45):
        named = {0: "{h} o'clock", 15: "quarter past {h}", 30: "half past {h}", 45: "quarter to {n}"}[minute]
        return named.format(h=HOURS[hour % 12], n=HOURS[(hour + 1) % 12])
    return f"{hour % 12 or 12}:{minute:02d}"


def number_words(number, style):
    return topics.COUNTS[number - 1] if style == "words" and 1 <= number <= len(topics.COUNTS) else str(number)


def day_words(number, _):
    ending = "th" if 10 <= number % 100 <= 20 else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{ending}"


class Value:
    """What is drawn for a topic: a number on a scale, or a word."""

    def __init__(self, rng, kind):
        self.kind = kind
        self.style = rng.choice(["digits", "words", "short"] if kind == "clock" else ["digits", "words"])
        self.number = self.draw(rng)

    def draw(self, rng):
        kind = self.kind
        if kind == "clock":
            return rng.randrange(6 * 4, 23 * 4) * 15
        if kind in ("weekday", "month", "floor"):
            return rng.randrange({"weekday": 7, "month": 12, "floor": 7}[kind])
        if kind in ("minutes", "kilometres", "count", "times", "day", "room"):
            low, high = {"minutes": (5, 45), "kilometres": (2, 14), "count": (3, 40), "times": (2, 9), "day": (1, 28), "room": (2, 59)}[kind]
            return rng.choice([5, 10, 15, 20, 25, 30, 40]) if kind == "minutes" and rng.random() < 0.7 else rng.randint(low, high)
        if kind == "container":
            return f"{rng.choice(topics.WORDS['colour'])} {rng.choice(topics.WORDS['object'])}"
        return rng.choice(topics.WORDS[kind])

    def words(self, number=None):
        number = self.number if number is None else number
        if self.kind == "clock":
            return clock_words(number, self.style)
        if self.kind in ("weekday", "month", "floor"):
            return {"weekday": topics.WEEKDAYS, "month": topics.MONTHS, "floor": topics.FLOORS}[self.kind][number]
        if self.kind in ("minutes", "kilometres", "count", "times"):
            return number_words(number, self.style)
        if self.kind == "day":
            return day_words(number, None)
        return str(number)

    def changed(self, amount):
        """The number after a change, or None where the scale ends."""
        if self.kind == "clock":
            return self.number + amount if 0 <= self.number + amount < 1440 else None
        if self.kind == "weekday":
            return (self.number + amount) % 7
        if amount == "double":
            return 2 * self.number if 2 * self.number <= 60 else None
        if amount == "half":
            return self.number // 2 if self.number % 2 == 0 else None
        top = {"floor": 6, "day": 28}.get(self.kind, 60)
        least = 0 if self.kind == "floor" else 1
        return self.number + amount if least <= self.number + amount <= top else None

    def others(self, rng, right):
        """Three other values in the same words."""
        found = []
        while len(found) < 3:
            other = self.words(self.draw(rng))
            if other != right and other not in found:
                found.append(other)
        return found


class Fact:
    def __init__(self, rng, topic):
        self.kind, self.statements, self.questions, self.answer, self.matter, things = topic
        self.thing = rng.choice(topics.THINGS[things]) if things else ""
        self.companion = rng.choice(topics.WORDS["person"])
        self.value = Value(rng, self.kind)
        self.current = self.value.words()  # what a question is answered with
        self.told = []  # (session, turn)
        self.needs = []  # turns that the answer needs

    def fill(self, text, value=""):
        text = text.format(v=value, x=self.thing, q=self.companion, t=(self.matter or "").format(x=self.thing))
        return text[0].upper() + text[1:]

    def fill_answer(self, value):
        return self.answer.format(v=value)

    def state(self, rng):
        self.statement = rng.choice(self.statements)
        return self.fill(self.statement, self.current)

    def replace(self, rng):
        self.value.number = self.value.draw(rng)
        self.current = self.value.words()
        return rng.choice(["Now it's different: ", "Forget what I said. ", "Change of plan. ", ""]) + self.fill(self.statement, self.current)

    def change(self, rng):
        """A change that names no new value; None if there is none on this scale."""
        kind = topics.KIND_OF_CHANGE.get(self.kind)
        if not kind or not self.matter:
            return None
        text, amount = rng.choice(topics.CHANGES[kind])
        number = self.value.changed(amount)
        if number is None:
            return None
        self.value.number = number
        self.current = self.value.words()
        return self.fill(text)

    def question(self, rng):
        """One that shares a word with the statement."""
        def stems(text):
            return {word[:4] for word in re.findall(r"[a-z]{3,}", text.lower())} - {"what", "whic", "when", "wher", "the", "how", "that"}
        said = stems(self.fill(self.statement))
        fitting = [q for q in self.questions if stems(self.fill(q)) & said]
        return self.fill(rng.choice(fitting or self.questions))


def in_voice(rng, voice, text):
    parts = [part for part in (rng.choice(topics.OPENINGS), text, rng.choice(topics.CLOSINGS)) if part]
    text = " ".join(parts)
    return re.sub(r"\.$", "", text.lower()) if voice == "careless" else text


def session_turns(rng, number, facts, voice):
    """The patient's turns of a session: a new fact, a replaced or a changed one, or nothing in particular."""
    turns = []
    for _ in range(rng.randint(2, 3)):
        kind = rng.random()
        old = [fact for fact in facts if fact.told[-1][0] < number and len(fact.told) == 1]
        text, fact = None, None
        if old and kind < 0.35:
            fact = rng.choice(old)
            text = fact.change(rng)
            if text:
                fact.needs.append((number, 2 * len(turns) + 1))
        if old and text is None and kind < 0.5:
            fact = rng.choice(old)
            text = fact.replace(rng)
            fact.needs = [(number, 2 * len(turns) + 1)]
        if text is None and kind < 0.93:
            told = {(fact.kind, fact.thing) for fact in facts}
            fact = Fact(rng, rng.choice(topics.TOPICS))
            if (fact.kind, fact.thing) not in told:
                text = fact.state(rng)
                fact.needs = [(number, 2 * len(turns) + 1)]
                facts.append(fact)
        if text is None:
            text = rng.choice(topics.FILLERS)
        elif fact is not None:
            fact.told.append((number, 2 * len(turns) + 1))
        turns.append(in_voice(rng, voice, text))
    return turns


def ask(rng, fact, session):
    sessions = {number for number, _ in fact.needs}
    memory = "long" if session not in sessions else "short" if len(sessions) == 1 else "both"
    return {"session": f"s{session}", "memory": memory, "question": fact.question(rng), "answer": fact.fill_answer(fact.current),
            "distractors": [fact.fill_answer(other) for other in fact.value.others(rng, fact.current)],
            "evidence": [{"session": f"s{s}", "turn": t} for s, t in fact.needs]}


def make_patient(rng, name):
    """A patient and the questions at the end of the last session."""
    voice = rng.choice(["careful", "careful", "careless"])
    date = datetime.date(2025, 1, 6) + datetime.timedelta(days=rng.randrange(300))
    facts, sessions = [], []
    last = rng.randint(3, 5)
    for number in range(1, last + 1):
        turns = []
        for text in session_turns(rng, number, facts, voice):
            turns += [{"role": "user", "text": text}, {"role": "assistant", "text": rng.choice(topics.REPLIES)}]
        sessions.append({"id": f"s{number}", "date": date.isoformat(), "turns": turns})
        date += datetime.timedelta(days=rng.randint(10, 60))
    questions = [ask(rng, fact, last) for fact in facts]
    # Most facts are told once; a patient's questions would be about little else.
    rest = [q for q in questions if q["memory"] != "both"]
    kept = [q for q in questions if q["memory"] == "both"] + rng.sample(rest, min(3, len(rest)))
    patient = {"id": name, "split": "train", "sessions": sessions}
    return patient, [{"id": f"{name}.{i}", "patient": name, "split": "train", **q} for i, q in enumerate(kept)]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--patients", type=int, default=800)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=pathlib.Path, default=pathlib.Path("runs/corpus/patients"))
    options = parser.parse_args()
    rng = random.Random(options.seed)
    options.out.mkdir(parents=True, exist_ok=True)
    made = [make_patient(rng, f"m{i:04d}") for i in range(options.patients)]
    write(options.out / "patients.jsonl", [patient for patient, _ in made])
    write(options.out / "questions.jsonl", [question for _, questions in made for question in questions])


if __name__ == "__main__":
    main()
