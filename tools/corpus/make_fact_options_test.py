#!/usr/bin/env python3
"""The options of the example's facts do not tell by themselves which is right, and peers are exchangeable."""
import collections
import json
import math
import pathlib
import random
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import make_fact_options as options  # noqa: E402

EXAMPLE = pathlib.Path(__file__).resolve().parents[2] / "examples/service-desk"


def read_facts():
    return [json.loads(line) for path in sorted((EXAMPLE / "facts").glob("*.jsonl")) for line in path.read_text().splitlines()]


def features(fact):
    """What can be said of each option without its question: place, length, rank of its number, likeness to the others."""
    rows = []
    numbers = [options.to_units(shape[1])[0] for shape in map(options.template, fact["options"])] if options.is_numeric(fact) else []
    for i, option in enumerate(fact["options"]):
        pairs = [set(option[k:k + 2] for k in range(len(option))) for option in fact["options"]]
        like = sum(len(pairs[i] & pairs[j]) / len(pairs[i] | pairs[j]) for j in range(4) if j != i) / 3
        row = [float(i == 0), float(i == 3), len(option) / 10, like]
        row += [float(numbers != [] and sum(n < numbers[i] for n in numbers) == rank) for rank in range(4)]
        rows.append(row)
    return rows


def fit(facts, steps=300, rate=0.5):
    """Weights of a softmax over the four options, by gradient ascent."""
    data = [(features(fact), fact["answer"]) for fact in facts]
    weights = [0.0] * len(data[0][0][0])
    for _ in range(steps):
        slope = [0.0] * len(weights)
        for rows, answer in data:
            scores = [math.exp(sum(w * x for w, x in zip(weights, row))) for row in rows]
            total = sum(scores)
            for i, row in enumerate(rows):
                error = (i == answer) - scores[i] / total
                slope = [s + error * x for s, x in zip(slope, row)]
        weights = [w + rate * s / len(data) for w, s in zip(weights, slope)]
    return weights


def share_right(facts, weights):
    def choice(fact):
        scores = [sum(w * x for w, x in zip(weights, row)) for row in features(fact)]
        return max(range(4), key=scores.__getitem__)
    return sum(choice(fact) == fact["answer"] for fact in facts) / len(facts)


class FactOptionsTest(unittest.TestCase):
    def test_who_sees_only_the_options_is_right_a_quarter_of_the_time(self):
        facts = read_facts()
        shares = []
        for seed in range(4):
            random.Random(seed).shuffle(facts)
            half = len(facts) // 2
            shares.append(share_right(facts[half:], fit(facts[:half])))
        # Chance and two and a half standard errors of a half.
        self.assertLess(sum(shares) / len(shares), 0.25 + 2.5 * math.sqrt(0.25 * 0.75 / (len(facts) / 2)))

    def test_the_scorer_finds_a_tell_where_there_is_one(self):
        facts = [fact for fact in read_facts() if options.is_numeric(fact)]
        for fact in facts:
            ordered = sorted(range(4), key=lambda i: options.to_units(options.template(fact["options"][i])[1])[0])
            fact["answer"] = ordered[1]
        half = len(facts) // 2
        self.assertGreater(share_right(facts[half:], fit(facts[:half])), 0.6)

    def test_a_peer_is_right_once_and_wrong_three_times(self):
        facts = [fact for fact in read_facts() if "peers" in fact]
        self.assertGreater(len(facts), 100)
        right = collections.Counter((f["persona"], f["options"][f["answer"]]) for f in facts)
        wrong = collections.Counter((f["persona"], peer) for f in facts for peer in f["peers"])
        for key, count in right.items():
            self.assertIn(wrong[key], range(1, 3 * count + 4), key)
            self.assertNotIn(key[1], [p for f in facts if (f["persona"], f["options"][f["answer"]]) == key for p in f["peers"]])

    def test_drawing_again_changes_nothing(self):
        facts, drawn = read_facts(), read_facts()
        options.draw_options(drawn)
        options.draw_peers(drawn)
        self.assertEqual(facts, drawn)


if __name__ == "__main__":
    unittest.main()
