#!/usr/bin/env python3
"""Chooses where a persona's adapter sits and how large it is, on held-out loss: a grid of placement (attention, feed-forward, both)
and rank, each trained from the same recipe with the same data, seed and steps.

  adapter_grid.py recipes/adapter_knowledge_worker.toml [--steps 60] [--ranks 4,8,16] [--out runs/grid] [--kith-train PATH]

Prints a table of the lowest validation perplexity of each and writes OUT/grid.json. What is there already is not trained again.
alpha is twice the rank everywhere, so that the size of an update does not depend on the rank.
"""
import argparse
import json
import pathlib
import re
import subprocess
import sys

PLACEMENTS = {
    "attention": ["q_proj", "k_proj", "v_proj", "o_proj"],
    "feed-forward": ["gate_proj", "up_proj", "down_proj"],
    "both": ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"],
}


def variant(recipe, placement, rank, steps, out):
    """The recipe's text with another placement, rank, budget and output."""
    targets = json.dumps(PLACEMENTS[placement])
    changes = [
        (r"(?m)^output = .*$", f'output = "{out}"'),
        (r"(?m)^rank = .*$", f"rank = {rank}"),
        (r"(?m)^alpha = .*$", f"alpha = {2 * rank}\ntargets = {targets}"),
        (r"(?m)^steps = .*$", f"steps = {steps}"),
    ]
    for pattern, text in changes:
        recipe, count = re.subn(pattern, text, recipe, count=1)
        if count != 1:
            sys.exit(f"the recipe has no line like {pattern}")
    return recipe


def lowest_perplexity(log):
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    found = [value for line in lines if line["step"] > 0 for value in line.get("validation", {}).values()]
    if not found:
        sys.exit(f"{log}: the run validated nothing")
    return min(found)


def train(options, placement, rank):
    out = options.out / f"{placement}-{rank}"
    log = out / "log.jsonl"
    if not (out / "adapter" / "adapter_model.safetensors").exists():
        out.mkdir(parents=True, exist_ok=True)
        recipe = out / "recipe.toml"
        recipe.write_text(variant(options.recipe.read_text(), placement, rank, options.steps, out))
        subprocess.run([options.kith_train, "train", "adapter", recipe], check=True, stdout=subprocess.DEVNULL)
    return lowest_perplexity(log)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("recipe", type=pathlib.Path)
    parser.add_argument("--steps", type=int, default=60)
    parser.add_argument("--ranks", default="4,8,16")
    parser.add_argument("--out", type=pathlib.Path, default=pathlib.Path("runs/grid"))
    parser.add_argument("--kith-train", default="build/test/src/apps/kith_train/kith-train")
    options = parser.parse_args()
    ranks = [int(rank) for rank in options.ranks.split(",")]
    results = []
    print(f"{'placement':14}" + "".join(f"{'rank ' + str(rank):>10}" for rank in ranks))
    for placement in PLACEMENTS:
        cells = [train(options, placement, rank) for rank in ranks]
        results += [{"placement": placement, "rank": rank, "perplexity": cell} for rank, cell in zip(ranks, cells)]
        print(f"{placement:14}" + "".join(f"{cell:>10.2f}" for cell in cells), flush=True)
    (options.out / "grid.json").write_text(json.dumps({"recipe": str(options.recipe), "steps": options.steps, "cells": results}, indent=1) + "\n")


if __name__ == "__main__":
    main()
