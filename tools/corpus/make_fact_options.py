#!/usr/bin/env python3
"""Draws the options of the example's facts (examples/service-desk/facts) so that nothing but knowing tells which is right.

  make_fact_options.py [--example examples/service-desk]

Where the options hold one number each ("£37", "14:10", "extension 4410", "EV-3"), the wrong ones keep their distance from the right
one, and some change sides, so that it is the smallest, second, third and largest equally often; written by hand it was nearly always
one of the middle two. Other options stay as they were written. `peers` are right answers to three other questions of the same persona and kind, each
value right once and wrong three times: whoever knows which values the persona's users were told, and not what of, is right a quarter
of the time. A fact whose kind has fewer than four has no peers. Run again it writes the same files.
"""
import argparse
import collections
import json
import pathlib
import random
import re
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import records  # noqa: E402

NUMBER = r"\d{1,2}:\d\d|\d{1,3}(?:,\d{3})+|\d+(?:\.\d+)?"
# Alternatives of values without digits, tried in this order.
WORDED = [("person", r"[A-Z][a-z]+ [A-Z][a-z]+"), ("word", r"[A-Z][a-z]+"), ("chinese name", r"[\u4e00-\u9fff]{2,3}")]
DAY = 24 * 60


def template(option):
    """(the option with # for its number, the number's text); None unless it holds exactly one."""
    found = re.findall(NUMBER, option)
    return (re.sub(NUMBER, "#", option), found[0]) if len(found) == 1 else None


def to_units(text):
    """The number as a count of its last digits' units, its end, and how to write another in the same way."""
    if ":" in text:
        hours, minutes = map(int, text.split(":"))
        width = len(text.split(":")[0])
        return hours * 60 + minutes, DAY, lambda n: f"{n // 60:0{width}d}:{n % 60:02d}"
    decimals = len(text.partition(".")[2])
    digits = text.replace(",", "").replace(".", "")
    width = len(digits) if digits[0] == "0" else decimals + 1

    def write(n):
        plain = f"{n:0{width}d}"
        return f"{plain[:-decimals]}.{plain[-decimals:]}" if decimals else f"{n:,}" if "," in text else plain

    # Half a digit more still looks alike.
    return int(digits), 2 * 10 ** len(digits), write


def turned(rng, right, wrong, rank):
    """The wrong numbers at their distances from the right one, `rank` of them below it, as far as that many fit."""
    value, end, write = to_units(right)
    distances = [abs(to_units(text)[0] - value) for text in wrong]
    places = [i for i, distance in enumerate(distances) if distance > 0]
    must = [i for i in places if value + distances[i] >= end and value > distances[i]]
    fits = [i for i in places if i not in must and value - distances[i] > 0]
    rng.shuffle(fits)
    below = (must + fits)[:max(rank, len(must))]
    return [write(value - d if i in below else value + d) for i, d in enumerate(distances)]


def kind_of(value):
    shape = template(value)
    if shape is None:
        return next((name for name, pattern in WORDED if re.fullmatch(pattern, value)), None)
    if ":" in shape[1]:
        return "time " + shape[0]
    return re.sub(r"[A-Z]{1,4}(?=-#)", "X", shape[0])


def is_numeric(fact):
    shapes = [template(option) for option in fact["options"]]
    return all(shapes) and len({(":" in number, len(number.partition(".")[2])) for _, number in shapes}) == 1


def draw_options(facts):
    order = sorted(facts, key=lambda fact: fact["id"])
    random.Random("ranks").shuffle(order)
    # Every fact has a rank, so that none depends on which others are numeric.
    for place, fact in enumerate(order):
        if not is_numeric(fact):
            continue
        right = fact["options"][fact["answer"]]
        value = to_units(template(right)[1])[0]
        others = [template(option) for i, option in enumerate(fact["options"]) if i != fact["answer"]]
        others.sort(key=lambda other: (abs(to_units(other[1])[0] - value), other[0]))
        rng = random.Random(fact["id"])
        rng.shuffle(others)
        numbers = turned(rng, template(right)[1], [number for _, number in others], place % 4)
        wrong = [frame.replace("#", number) for (frame, _), number in zip(others, numbers)]
        if len({right, *wrong}) == 4:
            fact["options"] = wrong[:fact["answer"]] + [right] + wrong[fact["answer"]:]


def draw_peers(facts):
    groups = collections.defaultdict(dict)
    for fact in facts:
        fact.pop("peers", None)
        value = fact["options"][fact["answer"]]
        if kind_of(value):
            groups[fact["persona"], kind_of(value)].setdefault(value, []).append(fact)
    for key, by_value in groups.items():
        values = list(by_value)
        if len(values) < 4:
            continue
        random.Random(str(key)).shuffle(values)
        for i, value in enumerate(values):
            for fact in by_value[value]:
                fact["peers"] = [values[(i + shift) % len(values)] for shift in (1, 2, 3)]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--example", type=pathlib.Path, default=pathlib.Path("examples/service-desk"))
    options = parser.parse_args()
    files = {path: [json.loads(line) for line in open(path)] for path in sorted((options.example / "facts").glob("*.jsonl"))}
    facts = [fact for rows in files.values() for fact in rows]
    draw_options(facts)
    draw_peers(facts)
    for path, rows in files.items():
        records.write(path, rows)


if __name__ == "__main__":
    main()
