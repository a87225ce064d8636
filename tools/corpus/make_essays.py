#!/usr/bin/env python3
"""Builds the files of the essay example: runs/corpus/essay_text.train.jsonl, the train essays as plain text for domain-adaptive
pretraining, and essay_score.{train,valid}.jsonl, questions whose answer is the score.

  make_essays.py [--example examples/education] [--out runs/corpus]

The question is word for word that of src/kith/eval/essay_data.cc. It shows a method and gives no advice on any pupil.
"""
import argparse
import json
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from records import write  # noqa: E402


def read(path):
    return [json.loads(line) for line in open(path, encoding="utf-8")]


def question(task, text):
    return f"Score this essay from 1 to 6.\n\nTask: {task}\n\nEssay:\n{text}"


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--example", type=pathlib.Path, default=pathlib.Path("examples/education"))
    parser.add_argument("--out", type=pathlib.Path, default=pathlib.Path("runs/corpus"))
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    tasks = {p["id"]: p["text"] for p in read(options.example / "prompts.jsonl")}
    essays = read(options.example / "essays.jsonl")
    train = [e for e in essays if e["split"] == "train"]
    write(options.out / "essay_text.train.jsonl", [{"text": f"{tasks[e['prompt']]}\n\n{e['text']}"} for e in train])
    for split in ("train", "valid"):
        write(options.out / f"essay_score.{split}.jsonl", [
            {"messages": [{"role": "user", "content": question(tasks[e["prompt"]], e["text"])},
                          {"role": "assistant", "content": str(e["score"])}]}
            for e in essays if e["split"] == split])


if __name__ == "__main__":
    main()
