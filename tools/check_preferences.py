#!/usr/bin/env python3
"""Checks what examples/service-desk/preferences/README.md promises; prints what it counted. check_example.py runs it too.

  check_preferences.py [examples/service-desk]
"""
import collections
import json
import math
import pathlib
import re
import sys

PERSONAS = ["leadership", "knowledge_worker", "field_worker", "admin_hr", "new_hire"]
FIELDS = ["id", "persona", "user", "split", "question", "chosen", "rejected", "reason"]
GREETING = re.compile(r"^(hello|hi|hey|good (morning|afternoon|evening)|welcome|dear)\b", re.I)


def words(text):
    return re.findall(r"[a-z0-9']+", text.lower())


def word_only_accuracy(pairs):
    """Share of test pairs whose chosen draft naive Bayes on the words of the train pairs picks; a tie counts half."""
    counts = [collections.Counter(), collections.Counter()]
    for pair in pairs:
        if pair["split"] == "train":
            counts[0].update(set(words(pair["chosen"])))
            counts[1].update(set(words(pair["rejected"])))
    size = len(set(counts[0]) | set(counts[1])) + 1
    totals = [sum(c.values()) for c in counts]

    def evidence(text):
        return sum(math.log((counts[0][w] + 1) / (totals[0] + size)) - math.log((counts[1][w] + 1) / (totals[1] + size))
                   for w in sorted(set(words(text))))

    right = 0.0
    tests = [p for p in pairs if p["split"] == "test"]
    for pair in tests:
        difference = evidence(pair["chosen"]) - evidence(pair["rejected"])
        right += 0.5 if abs(difference) < 1e-9 else float(difference > 0)
    return right, len(tests)


def check(root):
    """Errors, and lines that say what was counted."""
    errors, notes = [], []

    def require(condition, message):
        if not condition:
            errors.append("preferences: " + message)

    pairs = [json.loads(line) for line in open(root / "preferences/pairs.jsonl", encoding="utf-8")]
    truth = {t["id"]: t for t in map(json.loads, open(root / "truth.jsonl", encoding="utf-8"))}
    consent = {e["id"]: e["consent"].get("learn", True) for e in map(json.loads, open(root / "employees.jsonl", encoding="utf-8"))}
    require(len({p["id"] for p in pairs}) == len(pairs), "ids repeat")
    require(len({" ".join(words(p["question"])) for p in pairs}) == len(pairs), "questions repeat")
    for p in pairs:
        require(list(p) == FIELDS and all(isinstance(v, str) and v.strip() for v in p.values()), f"{p.get('id')}: fields")
        user = truth.get(p["user"], {})
        require(user.get("persona") == p["persona"] and user.get("split") == p["split"], f"{p['id']}: its user is of another persona or split")
        require(consent.get(p["user"]), f"{p['id']}: its user does not consent to learning")
        for key in ("chosen", "rejected"):
            require(25 <= len(p[key].split()) <= 90, f"{p['id']}: {key} has {len(p[key].split())} words")
    right = asked = 0
    for persona in PERSONAS:
        own = [p for p in pairs if p["persona"] == persona]
        train = {p["user"] for p in own if p["split"] == "train"}
        test = {p["user"] for p in own if p["split"] == "test"}
        require(len(own) >= 100, f"{persona}: {len(own)} pairs")
        require(sum(p["split"] == "test" for p in own) == 40 and len(test) == 10, f"{persona}: 40 test pairs by 10 users")
        require(len(train) == 20 and not train & test, f"{persona}: 20 train users, none of them a test user")
        for split in ("train", "test"):
            part = [p for p in own if p["split"] == split]
            longer = sum(len(p["chosen"].split()) > len(p["rejected"].split()) for p in part)
            equal = sum(len(p["chosen"].split()) == len(p["rejected"].split()) for p in part)
            share = (longer + equal / 2) / len(part)
            require(0.4 <= share <= 0.6, f"{persona}, {split}: the chosen draft is longer in {share:.0%}")
        greetings = [sum(bool(GREETING.search(p[key])) for p in own) for key in ("chosen", "rejected")]
        require(abs(greetings[0] - greetings[1]) <= 1, f"{persona}: greetings {greetings}")
        told = word_only_accuracy(own)
        right, asked = right + told[0], asked + told[1]
        notes.append(f"{persona}: {len(own)} pairs, words alone tell {told[0]:g} of {told[1]} test pairs")
    notes.append(f"{len(pairs)} pairs, words alone tell {right:g} of {asked} test pairs")
    return errors, notes


def main():
    errors, notes = check(pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else "examples/service-desk"))
    print("\n".join(notes + (errors or ["the preferences keep their promises"])))
    return 1 if errors else 0


if __name__ == "__main__":
    sys.exit(main())
