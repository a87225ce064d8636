#!/usr/bin/env python3
"""Writes models/builtin/README.md from the logs of the training runs and from what the evaluations printed.

  make_model_card.py --log runs/builtin/log.jsonl --log runs/assist/log.jsonl --figures DIR [--out models/builtin/README.md]

DIR holds, as `tools/measure_model.sh` leaves them: answers.txt (`kith eval answers --samples 20`), personas.txt, voices.txt,
positions.json (`kith model perplexity --json`), served.json
(`tools/measure_served.py`), and by hand training.md (how the runs went) and limits.md (what it is bad at).
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

| run | tokens | steps | last loss |
|---|---|---|---|
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


def figure_rows(suite, text):
    """The rows of the figures that `kith eval` printed: name value [low, high], then baselines."""
    rows = []
    for name, value, low, high, rest in re.findall(r"(?m)^(\w+) ([\d.e-]+) \[([\d.e-]+), ([\d.e-]+)\](.*)$", text):
        baselines = ", ".join(f"{k} {float(v):.3f}" for k, v in re.findall(r"(\w+) ([\d.e-]+)", rest)) or "-"
        rows.append(f"| {suite}: {name} | {float(value):.3f} | [{float(low):.3f}, {float(high):.3f}] | {baselines} |")
    return rows


def training_table(logs):
    rows = []
    for log in logs:
        last = read_log(log)[0][-1]
        rows.append(f"| {pathlib.Path(log).parent.name} | {last['tokens'] / 1e6:.2f} M | {last['step']} | {last['loss']:.3f} |")
    _, held_out = read_log(logs[-1])
    rows += ["", "Held-out perplexity after the last run, by source (answers only where the source is a conversation with a passage):", "",
             "| source | perplexity |", "|---|---|"]
    rows += [f"| {name.removesuffix('.valid')} | {value:.2f} |" for name, value in held_out.items()]
    return "\n".join(rows)


def position_table(report):
    rows = ["| positions | tokens | perplexity |", "|---|---|---|"]
    rows += [f"| {r['begin']} to {r['end']} | {r['tokens']} | {r['perplexity']:.2f} |" for r in report["positions"]]
    return "\n".join(rows)


def served_text(report):
    sources = ", ".join(f"{name} {100 * value:.1f} %" for name, value in report["source"].items())
    facts = ", ".join(f"{name} {100 * value:.1f} %" for name, value in report["key_fact_by_source"].items())
    return (f"`tools/measure_served.py`: {report['answers']} answers of a running server to test employees of all personas on articles that trained "
            f"nothing, found by search. Source of the chosen candidate: {sources}. Key fact in the answer: {100 * report['key_fact']:.1f} % ({facts}).")


def samples_text(text):
    blocks = [block for block in re.split(r"(?m)^Q ", text) if "\nA " in block]
    return "\n".join("Q " + block.split("\nends_by_itself")[0].rstrip() for block in blocks)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--log", action="append", required=True)
    parser.add_argument("--figures", type=pathlib.Path, required=True)
    parser.add_argument("--parameters", type=float, default=8.13)
    parser.add_argument("--out", type=pathlib.Path, default=pathlib.Path("models/builtin/README.md"))
    options = parser.parse_args()
    text = {path.name: path.read_text() for path in options.figures.iterdir() if path.is_file()}
    report = {name: json.loads(content) for name, content in text.items() if name.endswith(".json")}
    figures = [row for name in ("answers", "personas", "voices") for row in figure_rows(name, text[f"{name}.txt"])]
    table = "\n".join(line for line in text["personas.txt"].splitlines() if not line.startswith(("own_adapter", "perplexity_gain")))
    parts = [
        INTRO.format(parameters=options.parameters, recipes="`recipes/builtin.toml`, `recipes/builtin_assist.toml`, `recipes/builtin_polish.toml`, `recipes/builtin_evidence.toml`") + training_table(options.log),
        text["training.md"].strip(),
        "## Measured\n\n`kith eval answers`, `personas` and `voices`, intervals of 95 % by bootstrap:\n\n| figure | value | interval | baselines |\n|---|---|---|---|\n"
        + "\n".join(figures), f"```\n{table}\n```",
        "## Loss by position\n\n`kith model perplexity` on held-out documentation, windows of the whole context:\n\n" + position_table(report["positions.json"]),
        "## Where served answers come from\n\n" + served_text(report["served.json"]),
        "## Known limits\n\n" + text["limits.md"].strip(),
        "## Twenty samples\n\nDrawn by seed, unedited: greedy answers on articles that trained nothing, with the passage alone in the prompt and with the evidence named; the last line says whether the former holds the key fact.\n\n```\n"
        + samples_text(text["answers.txt"]) + "\n```\n"]
    options.out.write_text("\n\n".join(parts))


if __name__ == "__main__":
    main()
