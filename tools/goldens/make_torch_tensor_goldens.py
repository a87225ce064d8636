#!/usr/bin/env python3
"""Writes tensors by torch.save(), and checks those that Kith wrote by torch.load().

    make_torch_tensor_goldens.py write src/kith/upstream/testdata/torch_tensor
    make_torch_tensor_goldens.py check DIRECTORY

`write` leaves ROWSxWIDTH.pkl, the program data.pkl of a tensor of that shape whose value i is i / 8, committed
there. `check` reads every ROWSxWIDTH.pt of DIRECTORY (kith_upstream_test leaves them in KITH_TORCH_TENSORS) with
weights_only=True and compares shape, type and values. Run with torch 1.13.1; a newer one does as well.
"""
import argparse
import io
import pathlib
import zipfile

import torch

# Each integer of the pickle in one, two and four bytes.
SHAPES = [(1, 1), (2, 3), (16, 576), (300, 257)]


def tensor_of(rows: int, width: int) -> torch.Tensor:
    return (torch.arange(rows * width, dtype=torch.float32) / 8).reshape(rows, width)


def write(directory: pathlib.Path) -> None:
    directory.mkdir(exist_ok=True)
    for rows, width in SHAPES:
        saved = io.BytesIO()
        torch.save(tensor_of(rows, width), saved)
        (directory / f"{rows}x{width}.pkl").write_bytes(zipfile.ZipFile(saved).read("archive/data.pkl"))


def check(directory: pathlib.Path) -> None:
    for rows, width in SHAPES:
        path = directory / f"{rows}x{width}.pt"
        assert zipfile.ZipFile(path).testzip() is None, path
        loaded = torch.load(path, weights_only=True)
        assert loaded.dtype == torch.float32 and loaded.is_contiguous(), path
        assert torch.equal(loaded, tensor_of(rows, width)), path
    print(f"{len(SHAPES)} tensors are those that torch would have saved")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("action", choices=["write", "check"])
    parser.add_argument("directory", type=pathlib.Path)
    arguments = parser.parse_args()
    {"write": write, "check": check}[arguments.action](arguments.directory)


if __name__ == "__main__":
    main()
