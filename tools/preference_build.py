#!/usr/bin/env python3
"""Tunes every persona's adapter on preferences and writes OUT/PERSONA: what `kith eval` takes as --adapters.

  preference_build.py [--personas leadership,new_hire] [--out runs/preference_tuned] [--recipes recipes/preference_{}.toml] [--shares 1,0.75,0.5,0.25] [--rise 0.01] [--kith-train PATH] [--set KEY=VALUE ...]

For each persona: kith-train train preference on its recipe, then the largest share of the change is kept with which the perplexity of
the persona's conversations with validation users rises by no more than RISE. What was trained already is not trained again.
Needs numpy. --set changes a line of every recipe (and belongs to another --out): --set beta=2 --set learning_rate=1e-4.
"""
import argparse
import json
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import average_weights  # noqa: E402

PERSONAS = ["leadership", "knowledge_worker", "field_worker", "admin_hr", "new_hire"]


def changed(recipe, values):
    """The recipe's text with its lines KEY = ... changed; every key has to stand in it once."""
    for key, value in values.items():
        recipe, count = re.subn(rf"(?m)^{key} = .*$", lambda _: f"{key} = {value}", recipe)
        if count != 1:
            sys.exit(f"the recipe has {count} lines {key} = ...")
    return recipe


def train(options, recipe):
    subprocess.run([options.kith_train, "train", "preference", recipe], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def figures(log):
    """(share of tune pairs whose chosen draft is likelier a token, perplexity of conversations) before the first step."""
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    return (next(line["preferences"]["tune"]["likelier"] for line in lines if "preferences" in line),
            next(line["validation"]["conversations"] for line in lines if "validation" in line))


def measured(options, recipe, adapter, work):
    """The figures of an adapter: the recipe's validation before the first of its steps; the pairs it trains on are not needed for that."""
    tune = re.search(r'(?m)^path = "(.*preference_.*\.tune\.jsonl)"$', recipe).group(1)
    text = changed(recipe, {"output": json.dumps(str(work / "run")), "init_adapter": json.dumps(str(adapter)), "steps": 1})
    text = re.sub(r'(?m)^path = ".*\.train\.jsonl"$', f'path = "{tune}"', text)
    (work / "recipe.toml").write_text(text)
    log = work / "run" / "log.jsonl"
    log.unlink(missing_ok=True)  # runs append to it
    train(options, work / "recipe.toml")
    return figures(log)


def kept_share(options, recipe, before, tuned, work):
    """Writes the blend into work/blend and returns (share, likelier, perplexity) of the largest share that costs no more than allowed, or None."""
    likelier, start = measured(options, recipe, before, work)
    print(f"  before: chosen likelier {likelier:.3f}, perplexity {start:.2f}", flush=True)
    for share in options.shares:
        blend = work / "blend"
        average_weights.main(before, tuned, share, blend)
        likelier, perplexity = measured(options, recipe, blend, work)
        print(f"  share {share:4.2f}: chosen likelier {likelier:.3f}, perplexity {perplexity / start - 1:+.2%}", flush=True)
        if perplexity <= start * (1 + options.rise):
            return share
    return None


def build(options, persona, values):
    recipe = changed(pathlib.Path(options.recipes.format(persona)).read_text(), values)
    run = options.out / "runs" / persona
    recipe = changed(recipe, {"output": json.dumps(str(run))})
    before = re.search(r'(?m)^init_adapter = "(.*)"$', recipe).group(1)
    run.mkdir(parents=True, exist_ok=True)
    (run / "recipe.toml").write_text(recipe)
    if not (run / "adapter" / "adapter_model.safetensors").exists():
        train(options, run / "recipe.toml")
    print(persona, flush=True)
    with tempfile.TemporaryDirectory() as directory:
        work = pathlib.Path(directory)
        share = kept_share(options, recipe, before, run / "adapter", work)
        shutil.copytree(work / "blend" if share else before, options.out / persona, dirs_exist_ok=True)
    print(f"  kept {share if share else 'nothing: the adapter stays as it was'}", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--personas", default=",".join(PERSONAS))
    parser.add_argument("--out", type=pathlib.Path, default=pathlib.Path("runs/preference_tuned"))
    parser.add_argument("--recipes", default="recipes/preference_{}.toml", help="with {} for the persona; recipes/preference_{}_kto.toml for KTO")
    parser.add_argument("--shares", default="1,0.75,0.5,0.25", help="of the change, the largest first")
    parser.add_argument("--rise", type=float, default=0.01)
    parser.add_argument("--kith-train", default="build/test/src/apps/kith_train/kith-train")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE")
    options = parser.parse_args()
    options.shares = [float(share) for share in options.shares.split(",")]
    values = dict(item.split("=", 1) for item in options.set)
    for persona in options.personas.split(","):
        build(options, persona, values)


if __name__ == "__main__":
    main()
