#!/usr/bin/env python3
"""Writes a tiny seeded soft-prompt bridge and the rows that it makes of a memory.

    make_soft_prompt_bridge_goldens.py TESTDATA_DIRECTORY

TESTDATA_DIRECTORY is src/kith/model/testdata; the output, soft_prompt_bridge/, is committed there. This
script runs again only to change the case. Made with numpy 1.24.2.

The directory is a bridge (docs/formats/memory-bridge.md) for the checkpoint gqa_tied with a file
golden.safetensors: `memory` [rows, width] f32 and `prompt` [rows, hidden] f32. The rows are computed in
f64 from the weights as they are stored.
"""
import argparse
import json
import pathlib
import struct

import numpy

ROWS, WIDTH, INNER, EPS, SEED = 5, 12, 20, 2e-5, 120


def write_safetensors(path: pathlib.Path, tensors: dict[str, numpy.ndarray]) -> None:
    names = {numpy.dtype("float32"): "F32", numpy.dtype("float16"): "F16"}
    header, data = {}, b""
    for name, tensor in tensors.items():
        begin = len(data)
        data += tensor.tobytes()
        header[name] = {"dtype": names[tensor.dtype], "shape": list(tensor.shape), "data_offsets": [begin, len(data)]}
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    path.write_bytes(struct.pack("<Q", len(text)) + text + data)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("testdata", type=pathlib.Path)
    testdata = parser.parse_args().testdata
    hidden = json.loads((testdata / "gqa_tied" / "config.json").read_text())["hidden_size"]
    random = numpy.random.default_rng(SEED)
    tensors = {
        "norm.weight": (1.0 + 0.2 * random.standard_normal(WIDTH)).astype("float32"),
        # The one matrix in f16, the other in f32: both types must be read.
        "up_proj.weight": (random.standard_normal((INNER, WIDTH)) / WIDTH**0.5).astype("float16"),
        "down_proj.weight": (random.standard_normal((hidden, INNER)) / INNER**0.5).astype("float32"),
    }
    memory = (1.5 * random.standard_normal((ROWS, WIDTH))).astype("float32")

    norm, up, down = (tensors[name].astype("float64") for name in ("norm.weight", "up_proj.weight", "down_proj.weight"))
    values = memory.astype("float64")
    normed = values / numpy.sqrt((values**2).mean(axis=1, keepdims=True) + EPS) * norm
    inner = normed @ up.T
    prompt = (inner / (1.0 + numpy.exp(-inner))) @ down.T
    print("standard deviation of the rows", prompt.std())

    directory = testdata / "soft_prompt_bridge"
    directory.mkdir(exist_ok=True)
    config = {"bridge_type": "soft_prompt", "version": 1, "base_model_name_or_path": None, "hidden_size": hidden,
              "memory_width": WIDTH, "rows": ROWS, "intermediate_size": INNER, "rms_norm_eps": EPS,
              "encoder_version": "0123456789abcdef"}
    (directory / "bridge_config.json").write_text(json.dumps(config, indent=2) + "\n")
    write_safetensors(directory / "bridge_model.safetensors", tensors)
    write_safetensors(directory / "golden.safetensors", {"memory": memory, "prompt": prompt.astype("float32")})


if __name__ == "__main__":
    main()
