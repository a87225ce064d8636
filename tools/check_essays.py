"""Checks essays.jsonl and prompts.jsonl against what README.md and rubric.md promise. Python 3.11, no packages."""
import json
import pathlib
import statistics
import sys
from collections import Counter

here = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else "examples/education")
TRAITS = ("content", "organisation", "language", "conventions")
LEAST = {"train": 140, "valid": 20, "test": 40}
bad = []


def promise(holds, text):
    if not holds:
        bad.append(text)


def lines(name):
    raw = (here / name).read_bytes().decode("utf-8")
    promise(raw.endswith("\n"), f"{name}: the last line is not whole")
    return [json.loads(line) for line in raw.splitlines()]


def score(traits):
    points = 2 * traits["content"] + sum(traits[t] for t in TRAITS[1:])
    value = 1 + sum(points >= bound for bound in (8, 12, 15, 19, 23))
    return min(value, 2) if traits["content"] == 1 else value


def words(row):
    return len(row["text"].split())


def kappa(one, other):
    """Quadratic weighted kappa, as in src/kith/eval/agreement.h."""
    observed = statistics.mean((a - b) ** 2 for a, b in zip(one, other))
    expected = statistics.mean((a - b) ** 2 for a in one for b in other)
    return 1 - observed / expected


prompts = lines("prompts.jsonl")
essays = lines("essays.jsonl")
known = {p["id"] for p in prompts}
promise(len(known) == len(prompts) == 8, "eight prompts with different ids")
promise(all(set(p) == {"id", "text"} and p["text"].strip() for p in prompts), "fields of the prompts")
promise(len(essays) >= 200, "at least 200 essays")
promise(len({e["id"] for e in essays}) == len(essays), "ids differ")
promise(len({e["text"] for e in essays}) == len(essays), "texts differ")
for e in essays:
    promise(set(e) == {"id", "prompt", "split", "text", "traits", "score", "rationale"}, f"{e['id']}: fields")
    promise(e["prompt"] in known, f"{e['id']}: prompt {e['prompt']}")
    promise(e["split"] in LEAST, f"{e['id']}: split {e['split']}")
    promise(tuple(e["traits"]) == TRAITS, f"{e['id']}: traits")
    promise(all(type(v) is int and 1 <= v <= 5 for v in e["traits"].values()), f"{e['id']}: levels")
    promise(e["score"] == score(e["traits"]), f"{e['id']}: score is not what the rule gives")
    promise(60 <= words(e) <= 160, f"{e['id']}: {words(e)} words")
    promise(0 < len(e["rationale"].split()) <= 30 and e["rationale"].endswith("."), f"{e['id']}: rationale")

count = Counter(e["score"] for e in essays)
print(f"{len(essays)} essays, {len(prompts)} prompts, {sum(map(words, essays))} words")
for s in range(1, 7):
    lengths = [words(e) for e in essays if e["score"] == s]
    promise(len(lengths) >= 20, f"score {s}: {len(lengths)} essays, 20 promised")
    print(f"score {s}: {len(lengths)} essays, words {min(lengths)} to {max(lengths)}, mean {statistics.mean(lengths):.0f}")
for split, least in LEAST.items():
    part = [e for e in essays if e["split"] == split]
    by_score = Counter(e["score"] for e in part)
    by_prompt = Counter(e["prompt"] for e in part)
    r = statistics.correlation([words(e) for e in part], [e["score"] for e in part])
    promise(len(part) >= least, f"{split}: {len(part)} essays, {least} promised")
    promise(set(by_score) == set(range(1, 7)), f"{split}: a score is missing")
    promise(set(by_prompt) == known, f"{split}: a prompt is missing")
    promise(abs(r) < 0.5, f"{split}: words and score correlate, {r:.2f}")
    print(f"{split}: {len(part)}; scores {dict(sorted(by_score.items()))}; prompts {dict(sorted(by_prompt.items()))}; r(words, score) {r:.2f}")
r = statistics.correlation([words(e) for e in essays], [e["score"] for e in essays])
promise(abs(r) < 0.5, f"words and score correlate, {r:.2f}")
print(f"r(words, score) over all: {r:.2f}")
short = sum(e["score"] >= 5 and words(e) <= 90 for e in essays)
long = sum(e["score"] <= 2 and words(e) >= 120 for e in essays)
promise(short >= 10 and long >= 10, "strong short and weak long essays, ten each")
print(f"strong (5, 6) with at most 90 words: {short}; weak (1, 2) with at least 120 words: {long}")
for t in TRAITS:
    levels = Counter(e["traits"][t] for e in essays)
    promise(set(levels) == {1, 2, 3, 4, 5}, f"{t}: a level is missing")
    print(f"{t}: {dict(sorted(levels.items()))}, r with score "
          f"{statistics.correlation([e['traits'][t] for e in essays], [e['score'] for e in essays]):.2f}")

marks = {m["id"]: m["traits"] for m in lines("second_marking.jsonl")}
marked = [e for e in essays if e["split"] == "test"]
promise(set(marks) == {e["id"] for e in marked}, "the second marking holds the test essays")
promise(all(1 <= v <= 5 for m in marks.values() for v in m.values()), "levels of the second marking")
both = [(e["score"], score(marks[e["id"]])) for e in marked]
print(f"second marking: kappa of the score {kappa(*zip(*both)):.2f}, equal {sum(a == b for a, b in both)} of {len(both)}, "
      f"further apart than one {sum(abs(a - b) > 1 for a, b in both)}; " + ", ".join(
          f"{t} {kappa([e['traits'][t] for e in marked], [marks[e['id']][t] for e in marked]):.2f}" for t in TRAITS))

grams = []
for e in essays:
    w = "".join(c if c.isalnum() else " " for c in e["text"].lower()).split()
    grams.append({tuple(w[i:i + 5]) for i in range(len(w) - 4)})
most, pair = 0.0, None
for i in range(len(essays)):
    for j in range(i):
        share = len(grams[i] & grams[j]) / min(len(grams[i]), len(grams[j]))
        if share > most:
            most, pair = share, (essays[j]["id"], essays[i]["id"])
promise(most <= 0.6, f"{pair} share {most:.0%} of their 5-grams")
print(f"largest share of common 5-grams: {most:.1%} {pair}")

for line in bad:
    print("BROKEN:", line)
print("all promises hold" if not bad else f"{len(bad)} promises broken")
sys.exit(bool(bad))
