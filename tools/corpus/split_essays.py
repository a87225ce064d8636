#!/usr/bin/env python3
"""Copies the essay example with another split, as a directory that make_essays.py and `kith eval essays` read like the example.

  split_essays.py --out DIR --fold 1/3            a third of the train essays becomes the test part: for choosing
  split_essays.py --out DIR --test-prompts p1,p2  essays on these prompts are the test part, all others train or valid: for new prompts

With --fold the example's own test essays are left out altogether, so that nothing is chosen on them.
"""
import argparse
import json
import pathlib
import random
import shutil

SEED = 20260301


def by_fold(essays, fold):
    number, count = map(int, fold.split("/"))
    train = [e for e in essays if e["split"] == "train"]
    random.Random(SEED).shuffle(train)
    parted = [{**e, "split": "test" if i % count == number - 1 else "train"} for i, e in enumerate(train)]
    return parted + [e for e in essays if e["split"] == "valid"]


def by_prompts(essays, prompts):
    return [{**e, "split": "test" if e["prompt"] in prompts else "train" if e["split"] == "test" else e["split"]} for e in essays]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--example", type=pathlib.Path, default=pathlib.Path("examples/education"))
    parser.add_argument("--out", type=pathlib.Path, required=True)
    way = parser.add_mutually_exclusive_group(required=True)
    way.add_argument("--fold")
    way.add_argument("--test-prompts")
    options = parser.parse_args()
    essays = [json.loads(line) for line in open(options.example / "essays.jsonl", encoding="utf-8")]
    split = by_fold(essays, options.fold) if options.fold else by_prompts(essays, set(options.test_prompts.split(",")))
    options.out.mkdir(parents=True, exist_ok=True)
    shutil.copy(options.example / "prompts.jsonl", options.out)
    with open(options.out / "essays.jsonl", "w", encoding="utf-8") as out:
        out.writelines(json.dumps(e, ensure_ascii=False) + "\n" for e in split)
    print(options.out, {part: sum(e["split"] == part for e in split) for part in ("train", "valid", "test")})


if __name__ == "__main__":
    main()
