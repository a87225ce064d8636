#!/usr/bin/env python3
"""Trains the user encoder that ships for the service desk and writes it with its model card.

  train_desk_encoder.py [--kith build/test/kith] [--out models/user-encoder-desk]

Employees of the test part take no part, nor do those who refused learning. The recipe is recipes/timeline_desk.toml, the schema
examples/service-desk/timeline.toml; what trained it and what was left out stands in card.json, which names nobody.
"""
import argparse
import csv
import json
import pathlib
import shutil
import subprocess
import tempfile

EXAMPLE = pathlib.Path("examples/service-desk")
SCHEMA = EXAMPLE / "timeline.toml"
RECIPE = pathlib.Path("recipes/timeline_desk.toml")
MOST_BYTES = 2_000_000

CARD = """---
license: apache-2.0
---
# The service desk's user encoder

A transformer over events of {parameters:,} parameters that predicts an employee's next event, so that `kith demo` has embeddings of its
users. It knows this example alone: train your own with `kith train timeline` (`docs/guides/user-embeddings.md`).

- Data: `examples/service-desk/events.csv`, two years of events from a seeded simulator, written for this project (Apache-2.0);
  {users} employees with {events:,} events trained it, {valid} validated it. Employees marked `test` took no part, nor did those who refused learning.
- Schema `examples/service-desk/timeline.toml`, recipe `recipes/timeline_desk.toml`, made by `tools/train_desk_encoder.py`; texts by the
  built-in word encoder (`models/router`).
- What fewer than {floor} employees did is unknown to it: {withheld}.
- No employee has more than {share:.2f} % of the events.
- Hash of the data `{hash}`; what was left out stands in `card.json`.

Next events of employees who did not train, ranked over the whole vocabulary, beside the most frequent values:

| feature | events | HR@10 | NDCG@10 | HR@10, frequent values | NDCG@10, frequent values |
|---|---|---|---|---|---|
{rows}

What it cannot: tell about people outside of this example. Its figures are those of a simulator, which is easier to predict than people.
"""


def run(kith, *arguments, capture=False):
    return subprocess.run([kith, *map(str, arguments)], check=True, text=True, stdout=subprocess.PIPE if capture else None).stdout


def write_inputs(directory):
    """The example without the employees of the test part."""
    train = {row["id"] for row in map(json.loads, open(EXAMPLE / "truth.jsonl")) if row["split"] == "train"}
    with open(directory / "users.jsonl", "w") as out:
        out.writelines(line for line in open(EXAMPLE / "employees.jsonl") if json.loads(line)["id"] in train)
    with open(EXAMPLE / "events.csv", newline="") as source, open(directory / "events.csv", "w", newline="") as out:
        rows = csv.DictReader(source)
        writer = csv.DictWriter(out, rows.fieldnames)
        writer.writeheader()
        writer.writerows(row for row in rows if row["user"] in train)


def parameters_of(file):
    with open(file, "rb") as data:
        header = json.loads(data.read(int.from_bytes(data.read(8), "little")))
    sizes = []
    for name, tensor in header.items():
        if name == "__metadata__":
            continue
        size = 1
        for length in tensor["shape"]:
            size *= length
        sizes.append(size)
    return sum(sizes)


def model_card(encoder, card, metrics):
    rows = [f"| {name} | {f['events']:,} | {f['hr10']:.3f} | {f['ndcg10']:.3f} | {f['popularity_hr10']:.3f} | {f['popularity_ndcg10']:.3f} |"
            for name, f in metrics["next_event"].items()]
    withheld = ", ".join(f"{w['values']} values of `{w['feature']}` in {w['events']} events" for w in card["withheld"]) or "nothing"
    return CARD.format(parameters=sum(parameters_of(file) for file in encoder.glob("*.safetensors")), users=card["users"]["training"],
                       events=card["events"]["training"], valid=card["users"]["validation"],
                       floor=card["options"]["min_value_users"], withheld=withheld, share=100 * card["cap"]["largest_share"],
                       hash=card["data_hash"], rows="\n".join(rows))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kith", default="build/test/kith")
    parser.add_argument("--out", type=pathlib.Path, default=pathlib.Path("models/user-encoder-desk"))
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        work = pathlib.Path(name)
        data = work / "desk"
        write_inputs(work)
        run(arguments.kith, "import", "users", work / "users.jsonl", "--data", data)
        run(arguments.kith, "import", "events", work / "events.csv", "--data", data)
        done = json.loads(run(arguments.kith, "train", "timeline", "--schema", SCHEMA, "--recipe", RECIPE, "--out", work, "--data", data,
                              "--json", capture=True))
        card = json.loads((data / "personas/jobs/user_encoder/data/card.json").read_text())
        encoder = work / "encoder"
        (encoder / "version.json").unlink()
        (encoder / "card.json").write_text(json.dumps({**card, "metrics": done["metrics"]}, indent=1) + "\n")
        (encoder / "README.md").write_text(model_card(encoder, card, done["metrics"]))
        size = sum(file.stat().st_size for file in encoder.iterdir())
        if size > MOST_BYTES:
            raise SystemExit(f"the encoder has {size} bytes; at most {MOST_BYTES} ship")
        shutil.rmtree(arguments.out, ignore_errors=True)
        shutil.copytree(encoder, arguments.out)
        for file in arguments.out.iterdir():
            file.chmod(0o644)
    print(f"wrote {arguments.out}, {size} bytes")


if __name__ == "__main__":
    main()
