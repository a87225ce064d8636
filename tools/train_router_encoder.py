"""Trains the built-in text encoder of prompt classifiers again: one command, the same bytes on the same kind of processor.

    tools/train_router_encoder.py --kith build/release/kith --teacher DIR [--data DIR] [--out models/router]

Reads dialogues and documentation of the test data (KITH_TEST_DATA, default ../shared/data), none of which belongs to a set that
classifiers are measured on, draws from each by a fixed seed, and has `kith train encoder` teach their vectors. The teacher is
all-MiniLM-L6-v2 (tools/fetch_minilm.py DIR).
"""
import argparse
import csv
import glob
import gzip
import json
import os
import pathlib
import random
import re
import subprocess
import sys
import tempfile

SOURCES = {
    "sgd": {"name": "Schema-Guided Dialogue (train, dev)", "licence": "CC BY-SA 4.0", "attribution": "Google Research"},
    "goemotions": {"name": "GoEmotions (train)", "licence": "Apache-2.0", "attribution": "Google Research"},
    "taskmaster": {"name": "Taskmaster-3 and -4", "licence": "CC BY 4.0", "attribution": "Google Research"},
    "personachat": {"name": "Synthetic-Persona-Chat", "licence": "CC BY 4.0", "attribution": "Google Research"},
    "memorybank": {"name": "MemoryBank (en)", "licence": "MIT", "attribution": "the MemoryBank authors"},
    "documentation": {"name": "IT documentation", "licence": "CC BY 4.0", "attribution": "(c) Microsoft Corporation and contributors"},
}


def sentences(text):
    return [s for s in re.split(r"(?<=[.!?])\s+|\n+", text) if len(s) > 8]


def texts_in(value):
    """Every member called text, however deep."""
    if isinstance(value, dict):
        if isinstance(value.get("text"), str):
            yield value["text"]
        for inner in value.values():
            yield from texts_in(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from texts_in(inner)


def read(data):
    """(source, text) of everything that may teach."""
    for part in ("train", "dev"):
        with gzip.open(data / f"sgd/{part}.compact.jsonl.gz", "rt") as file:
            for line in file:
                for turn in json.loads(line)["turns"]:
                    yield "sgd", turn["t"]
    for path in sorted(glob.glob(str(data / "taskmaster-reward/dialogues/*.gz"))):
        with gzip.open(path, "rt") as file:
            for text in texts_in(json.load(file)):
                yield "taskmaster", text
    with open(data / "synthetic-persona-chat/valid.csv", newline="") as file:
        for row in csv.reader(file):
            for cell in row:
                for line in cell.split("\n"):
                    yield "personachat", re.sub(r"^User \d: ", "", line)
    with open(data / "goemotions/original/train.tsv") as file:
        for line in file:
            yield "goemotions", line.split("\t")[0]
    with open(data / "memorybank/memory_bank_en.json") as file:
        for user in json.load(file).values():
            for day in user.get("history", {}).values():
                for turn in day:
                    for text in (turn.get("query"), turn.get("response")):
                        for sentence in sentences(text or ""):
                            yield "memorybank", sentence
    for name in ("sharepoint", "exchange", "m365-community", "powershell", "information-protection"):
        with gzip.open(data / f"corpus/{name}.jsonl.gz", "rt") as file:
            for line in file:
                page = json.loads(line)
                yield "documentation", page["title"]
                for sentence in sentences(page["text"]):
                    if sentence.count(" ") >= 4:
                        yield "documentation", sentence


def draw(data, limits, seed):
    by_source = {name: [] for name in SOURCES}
    seen = set()
    for source, text in read(data):
        text = re.sub(r"\s+", " ", text).strip()
        if 3 <= len(text) <= 400 and text not in seen:
            seen.add(text)
            by_source[source].append(text)
    rng = random.Random(seed)
    drawn = []
    for source, texts in by_source.items():
        rng.shuffle(texts)
        drawn += [(source, text) for text in texts[: limits.get(source, len(texts))]]
    rng.shuffle(drawn)
    return drawn


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kith", default="build/release/kith")
    parser.add_argument("--teacher", required=True, help="directory of all-MiniLM-L6-v2")
    parser.add_argument("--data", default=os.environ.get("KITH_TEST_DATA", "../shared/data"))
    parser.add_argument("--out", default="models/router")
    parser.add_argument("--limit", type=int, default=16_000, help="texts of one source at most")
    parser.add_argument("--texts-only", help="write the texts to this file and stop")
    parser.add_argument("options", nargs="*", help="more options of kith train encoder, after --")
    arguments = parser.parse_args()
    drawn = draw(pathlib.Path(arguments.data), dict.fromkeys(SOURCES, arguments.limit), seed=1)
    counts = {source: sum(s == source for s, _ in drawn) for source in SOURCES}
    provenance = {
        "name": "Kith's built-in text encoder",
        "licence": "CC BY-SA 4.0",
        "teacher": "sentence-transformers/all-MiniLM-L6-v2 (Apache-2.0)",
        "sources": [{**about, "texts": counts[name]} for name, about in SOURCES.items() if counts[name]],
        "rebuild": "tools/train_router_encoder.py --teacher DIR",
    }
    with tempfile.TemporaryDirectory() as directory:
        texts = pathlib.Path(arguments.texts_only or pathlib.Path(directory) / "texts.jsonl")
        texts.write_text("".join(json.dumps({"text": text}) + "\n" for _, text in drawn))
        print(f"{len(drawn)} texts: {counts}", file=sys.stderr)
        if arguments.texts_only:
            return
        card = pathlib.Path(directory) / "provenance.json"
        card.write_text(json.dumps(provenance))
        subprocess.run([arguments.kith, "train", "encoder", "--texts", texts, "--teacher", arguments.teacher, "--out", arguments.out,
                        "--provenance", card, *arguments.options], check=True)


if __name__ == "__main__":
    main()
