#!/usr/bin/env python3
"""Builds the files of preference tuning: runs/corpus/preference_ID.{train,tune}.jsonl with pairs and thumb_ID.train.jsonl with each draft
on its own, thumb up or down, for KTO.

  make_preferences.py [--example examples/service-desk] [--out runs/corpus]

Only pairs of train users are read; one such user in eight makes up "tune", on which beta, rate and steps are chosen. Every pair stands
twice: after the question alone, and with the system message and style card that Kith sends.
"""
import argparse
import json
import pathlib
import sys
import tomllib

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import prompt  # noqa: E402
from make_personas import style_line  # noqa: E402
from records import write  # noqa: E402


def prompts(pair, persona):
    question = {"role": "user", "content": pair["question"]}
    yield [question]
    yield [{"role": "system", "content": prompt.system(prompt.DESK, style=style_line(persona))}, question]


def thumbs(record):
    for key, label in (("chosen", True), ("rejected", False)):
        yield {"messages": record["messages"], "completion": record[key], "label": label, "user": record["user"]}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--example", type=pathlib.Path, default=pathlib.Path("examples/service-desk"))
    parser.add_argument("--out", type=pathlib.Path, default=pathlib.Path("runs/corpus"))
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    personas = {p["id"]: p for p in tomllib.load(open(options.example / "personas.toml", "rb"))["persona"]}
    pairs = [json.loads(line) for line in open(options.example / "preferences/pairs.jsonl", encoding="utf-8")]
    for identity, persona in personas.items():
        own = [p for p in pairs if p["persona"] == identity and p["split"] == "train"]
        tune = set(sorted({p["user"] for p in own})[::8])
        records = {"train": [], "tune": []}
        for pair in own:
            for messages in prompts(pair, persona):
                records["tune" if pair["user"] in tune else "train"].append(
                    {"messages": messages, "chosen": pair["chosen"], "rejected": pair["rejected"], "user": pair["user"]})
        for split, lines in records.items():
            write(options.out / f"preference_{identity}.{split}.jsonl", lines)
        write(options.out / f"thumb_{identity}.train.jsonl", [t for r in records["train"] for t in thumbs(r)])


if __name__ == "__main__":
    main()
