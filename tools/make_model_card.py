#!/usr/bin/env python3
"""Writes models/builtin/README.md from the logs of the training runs and the printed evaluations.

  make_model_card.py --log runs/builtin/log.jsonl --log runs/assist/log.jsonl --answers answers.txt --answers-json answers.json
                     --personas personas.txt --personas-json personas.json [--out models/builtin/README.md]

answers.txt is what `kith eval answers --samples 20` prints, answers.json what it prints with --json; personas likewise.
"""
import argparse
import json
import pathlib
import re

INTRO = """---
license: apache-2.0
language: [en, zh]
---
# Kith's built-in model

A Llama decoder of {parameters:.1f} million parameters, trained from scratch by the recipes of this project
({recipes}), so that `make run` works anywhere. It is a demonstration of the system, not of
what a model can do: bring your own checkpoint with `--model`.

## Data and attribution

| source | licence | attribution |
|---|---|---|
| IT documentation in English and Chinese (SharePoint, Exchange, Microsoft 365, PowerShell, information protection, Teams) | CC BY 4.0 | (c) Microsoft Corporation and contributors; changed: reduced to plain text, cut into passages, questions derived by rules |
| Synthetic-Persona-Chat | CC BY 4.0 | Google Research |
| Taskmaster-4 dialogues | CC BY 4.0 | Google Research |
| MemoryBank dialogues | MIT | the MemoryBank authors |
| the service-desk example | Apache-2.0 | this project |

Employees and articles marked `test` trained nothing, nor did conversations of employees who refused learning.

## Training

| run | tokens | steps | last loss | held-out perplexity |
|---|---|---|---|---|
"""


def read_log(path):
    steps, valid = [], {}
    for line in open(path):
        entry = json.loads(line)
        if "loss" in entry:
            steps.append(entry)
        for key, value in entry.items():
            if key == "validation":
                valid = value
    return steps, valid


def figure_rows(report):
    rows = []
    for name, figure in report["figures"].items():
        baselines = ", ".join(f"{k} {v:.3f}" for k, v in figure["baselines"].items()) or "-"
        rows.append(f"| {name} | {figure['value']:.3f} | [{figure['low']:.3f}, {figure['high']:.3f}] | {baselines} |")
    return rows


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--log", action="append", required=True)
    parser.add_argument("--answers", required=True)
    parser.add_argument("--answers-json", required=True)
    parser.add_argument("--personas", required=True)
    parser.add_argument("--personas-json", required=True)
    parser.add_argument("--parameters", type=float, default=8.13)
    parser.add_argument("--limits", required=True, help="text file: what it is bad at")
    parser.add_argument("--out", default="models/builtin/README.md")
    options = parser.parse_args()
    text = INTRO.format(parameters=options.parameters, recipes="`recipes/builtin.toml`, `recipes/builtin_assist.toml`")
    for log in options.log:
        steps, valid = read_log(log)
        perplexities = ", ".join(f"{name} {value:.2f}" for name, value in valid.items() if isinstance(value, (int, float))) or "-"
        last = steps[-1]
        text += f"| {pathlib.Path(log).parent.name} | {last['tokens'] / 1e6:.2f} M | {last['step']} | {last['loss']:.3f} | {perplexities} |\n"
    text += "\n## Measured\n\n`kith eval answers` and `kith eval personas`, intervals of 95 % by bootstrap:\n\n| figure | value | interval | baselines |\n|---|---|---|---|\n"
    text += "\n".join(figure_rows(json.load(open(options.answers_json))) + figure_rows(json.load(open(options.personas_json)))) + "\n"
    text += "\n```\n" + "\n".join(line for line in open(options.personas).read().splitlines() if not line.startswith(("own_adapter", "perplexity_gain"))) + "\n```\n"
    text += "\n## Known limits\n\n" + open(options.limits).read().strip() + "\n"
    samples = [block for block in re.split(r"(?m)^Q ", open(options.answers).read()) if "\nA " in block]
    text += "\n## Twenty samples\n\nDrawn by seed, unedited: greedy answers with the passage in the prompt, on articles that trained nothing.\n\n```\n"
    text += "\n".join("Q " + block.split("\nends_by_itself")[0].rstrip() for block in samples) + "\n```\n"
    pathlib.Path(options.out).write_text(text)


if __name__ == "__main__":
    main()
