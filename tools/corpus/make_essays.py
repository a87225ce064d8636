#!/usr/bin/env python3
"""Builds the files of the essay example: essay_text.{train,valid}.jsonl, the essays as plain text for domain-adaptive pretraining, and
essay_score.{train,valid}.jsonl, questions for the level of each trait.

  make_essays.py [--example examples/education] [--out runs/corpus]

The questions are word for word those of src/kith/eval/essay_data.cc. It shows a method and gives no advice on any pupil.
"""
import argparse
import json
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from records import write  # noqa: E402

TRAITS = ("content", "organisation", "language", "conventions")


def read(path):
    return [json.loads(line) for line in open(path, encoding="utf-8")]


def question(task, text, trait):
    return f"Task: {task}\n\nEssay:\n{text}\n\nLevel of {trait}, from 1 to 5?"


def rows(tasks, essay):
    return [{"messages": [{"role": "user", "content": question(tasks[essay["prompt"]], essay["text"], trait)},
                          {"role": "assistant", "content": str(essay["traits"][trait])}]} for trait in TRAITS]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--example", type=pathlib.Path, default=pathlib.Path("examples/education"))
    parser.add_argument("--out", type=pathlib.Path, default=pathlib.Path("runs/corpus"))
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    tasks = {p["id"]: p["text"] for p in read(options.example / "prompts.jsonl")}
    essays = read(options.example / "essays.jsonl")
    for split in ("train", "valid"):
        part = [e for e in essays if e["split"] == split]
        write(options.out / f"essay_text.{split}.jsonl", [{"text": f"{tasks[e['prompt']]}\n\n{e['text']}"} for e in part])
        write(options.out / f"essay_score.{split}.jsonl", [row for e in part for row in rows(tasks, e)])


if __name__ == "__main__":
    main()
