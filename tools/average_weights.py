#!/usr/bin/env python3
"""Averages two checkpoints of one model, or two adapters of one shape: OUT = (1 - SHARE) * A + SHARE * B, tensor by tensor.

  average_weights.py A B SHARE OUT

A model that was trained further on one task and then brought part of the way back keeps most of the task and regains most of
what it forgot (Wortsman et al. 2022, "Robust fine-tuning of zero-shot models"). A, B and OUT are Hugging Face or
PEFT directories; all files but the weights are B's. Of an adapter the factors are averaged, so that its update is not quite linear in SHARE. Tensors are f32 or bf16; the order and the types of B stay.
"""
import json
import pathlib
import shutil
import struct
import sys

import numpy as np

FILES = ("model.safetensors", "adapter_model.safetensors")
TYPES = {"F32": np.dtype("<f4"), "BF16": np.dtype("<u2")}


def read(path):
    data = path.read_bytes()
    (length,) = struct.unpack("<Q", data[:8])
    header = json.loads(data[8:8 + length])
    return header, data[8:8 + length], data[8 + length:]


def weights_file(directory):
    for name in FILES:
        if (directory / name).exists():
            return name
    raise ValueError(f"{directory} holds neither a model nor an adapter")


def values(header, body, name):
    entry = header[name]
    if entry["dtype"] not in TYPES:
        raise ValueError(f"{name} is {entry['dtype']}, not F32 or BF16")
    begin, end = entry["data_offsets"]
    raw = np.frombuffer(body[begin:end], dtype=TYPES[entry["dtype"]])
    return raw if entry["dtype"] == "F32" else (raw.astype(np.uint32) << 16).view(np.float32)


def to_bytes(array, dtype):
    if dtype == "F32":
        return array.astype("<f4").tobytes()
    bits = array.astype(np.float32).view(np.uint32)
    rounded = bits + 0x7FFF + ((bits >> 16) & 1)  # to nearest, ties to even
    return (rounded >> 16).astype("<u2").tobytes()


def main(a, b, share, out):
    share = float(share)
    if not 0 <= share <= 1:
        raise ValueError(f"SHARE must be in [0, 1]: {share}")
    a, b, out = map(pathlib.Path, (a, b, out))
    file = weights_file(b)
    header_a, _, body_a = read(a / file)
    header_b, head_b, body_b = read(b / file)
    names = [name for name in header_b if name != "__metadata__"]
    for name in names:
        if name not in header_a or header_a[name]["shape"] != header_b[name]["shape"]:
            raise ValueError(f"{name} is not the same in both checkpoints")
    result = bytearray(body_b)
    for name in names:
        begin, end = header_b[name]["data_offsets"]
        mean = (1 - share) * values(header_a, body_a, name) + share * values(header_b, body_b, name)
        result[begin:end] = to_bytes(mean, header_b[name]["dtype"])
    out.mkdir(parents=True, exist_ok=True)
    for path in b.iterdir():
        if path.is_file() and path.name != file:
            shutil.copy(path, out / path.name)
    (out / file).write_bytes(struct.pack("<Q", len(head_b)) + head_b + bytes(result))


if __name__ == "__main__":
    if len(sys.argv) != 5:
        sys.exit(__doc__)
    main(*sys.argv[1:])
