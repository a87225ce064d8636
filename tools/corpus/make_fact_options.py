#!/usr/bin/env python3
"""Draws the options of the example's facts (examples/service-desk/facts) so that nothing but knowing tells which is right.

  make_fact_options.py [--example examples/service-desk]

Where the options are one number in one template ("£37", "14:10", "extension 4410"), the three wrong ones are drawn on the same grid,
and the right one is the smallest, second, third and largest equally often; written by hand it was nearly always one of the middle
two. Other options stay as they were written. `peers` are right answers to three other questions of the same persona and kind, each
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
# Farthest wrong value, in steps of the grid; a time's are five minutes.
REACH = 30


def template(option):
    """(the option with # for its number, the number's text); None unless it holds exactly one."""
    found = re.findall(NUMBER, option)
    return (re.sub(NUMBER, "#", option), found[0]) if len(found) == 1 else None


def to_steps(text):
    """The number in steps of its own grid, that is without trailing zeros, and how to write another of the grid."""
    if ":" in text:
        hours, minutes = map(int, text.split(":"))
        width = len(text.split(":")[0])
        return (hours * 60 + minutes) // 5, DAY // 5, lambda n: f"{n * 5 // 60:0{width}d}:{n * 5 % 60:02d}"
    decimals = len(text.partition(".")[2])
    digits = text.replace(",", "").replace(".", "")
    zeros = len(digits) - len(digits.rstrip("0"))

    def write(steps):
        plain = f"{steps * 10 ** zeros:0{len(digits) if decimals or digits[0] == '0' else 1}d}"
        if decimals:
            return f"{plain[:-decimals]}.{plain[-decimals:]}"
        return f"{int(plain):,}" if "," in text else plain

    return int(digits) // 10 ** zeros, 10 ** (len(digits) - zeros), write


def drawn_numbers(rng, text, rank):
    """Three other numbers of the grid of which `rank` are smaller, as far as there are so many."""
    value, end, write = to_steps(text)
    # A rounder number than the right one would stand out.
    grid = [n for n in range(max(1, value - REACH), min(end, value + REACH + 1)) if n != value and (":" in text or n % 10 != 0)]
    below = [n for n in grid if n < value]
    above = [n for n in grid if n > value]
    rank = max(3 - len(above), min(rank, len(below)))
    return [write(n) for n in rng.sample(below, rank) + rng.sample(above, 3 - rank)]


def kind_of(value):
    shape = template(value)
    if shape is None:
        return next((name for name, pattern in WORDED if re.fullmatch(pattern, value)), None)
    if ":" in shape[1]:
        return "time " + shape[0]
    return re.sub(r"[A-Z]{1,4}(?=-#)", "X", shape[0])


def draw_options(facts):
    numeric = []
    for fact in facts:
        shapes = [template(option) for option in fact["options"]]
        if all(shapes) and len({shape[0] for shape in shapes}) == 1:
            numeric.append(fact)
    random.Random("ranks").shuffle(numeric)
    for place, fact in enumerate(numeric):
        rng = random.Random(fact["id"])
        frame, text = template(fact["options"][fact["answer"]])
        wrong = [frame.replace("#", number) for number in drawn_numbers(rng, text, place % 4)]
        rng.shuffle(wrong)
        fact["options"] = wrong[:fact["answer"]] + [fact["options"][fact["answer"]]] + wrong[fact["answer"]:]


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
