#!/usr/bin/env python3
"""Chooses how much of an adapter's update is kept, by the loss on the recipe's validation files, and writes it into the adapter.

  adapter_share.py recipes/adapter_knowledge_worker.toml runs/adapters/knowledge_worker/adapter [--shares 1,0.875,0.75,0.625,0.5] [--dry-run]

A long training on little text knows more of what was told and says it in words that are too much its own; going back a part of the
way to the base, as WiSE-FT does with whole models (Wortsman et al., 2022), keeps most of the first and mends the second. The share
is a factor on lora_alpha: nothing is trained.
"""
import argparse
import json
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile


def probe_recipe(recipe, adapter, out):
    """The recipe with nothing to do but to validate the adapter before its first step."""
    changes = [
        (r'(?m)^output = .*$', f'output = "{out}"\ninit_adapter = "{adapter}"'),
        (r"(?m)^(rank|alpha|targets) = .*\n", ""),
        (r"(?m)^steps = .*$", "steps = 1"),
    ]
    for pattern, text in changes:
        recipe = re.sub(pattern, text, recipe)
    return recipe


def perplexity(options, work, share):
    adapter = work / f"adapter-{share}"
    shutil.copytree(options.adapter, adapter)
    write_share(adapter, share)
    recipe = work / f"recipe-{share}.toml"
    out = work / f"run-{share}"
    recipe.write_text(probe_recipe(options.recipe.read_text(), adapter, out))
    subprocess.run([options.kith_train, "train", "adapter", recipe], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    first = json.loads((out / "log.jsonl").read_text().splitlines()[0])
    return sum(first["validation"].values()) / len(first["validation"])


def write_share(adapter, share):
    path = adapter / "adapter_config.json"
    config = json.loads(path.read_text())
    config["lora_alpha"] = config["lora_alpha"] * share
    path.write_text(json.dumps(config, indent=2) + "\n")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("recipe", type=pathlib.Path)
    parser.add_argument("adapter", type=pathlib.Path)
    parser.add_argument("--shares", default="1,0.875,0.75,0.625,0.5")
    parser.add_argument("--dry-run", action="store_true")
    parser.add_argument("--kith-train", default="build/test/src/apps/kith_train/kith-train")
    options = parser.parse_args()
    shares = [float(share) for share in options.shares.split(",")]
    if not all(0 < share <= 1 for share in shares):
        sys.exit("a share must be in (0, 1]")
    with tempfile.TemporaryDirectory() as directory:
        found = {share: perplexity(options, pathlib.Path(directory), share) for share in shares}
    for share, value in found.items():
        print(f"{share:6.3f}  {value:8.3f}")
    best = min(found, key=found.get)
    print(f"share {best}" + (" (not written)" if options.dry_run else ""))
    if not options.dry_run:
        write_share(options.adapter, best)


if __name__ == "__main__":
    main()
