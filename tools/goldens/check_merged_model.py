#!/usr/bin/env python3
"""Loads a model that `kith model merge` wrote in transformers and compares it with base + adapter in peft.

    check_merged_model.py BASE ADAPTER MERGED

Ends with status 1 if logits differ by more than the rounding of the merged weights explains. Needs torch,
transformers and peft.
"""
import argparse
import sys

import peft
import torch
import transformers


def load(directory: str) -> torch.nn.Module:
    return transformers.AutoModelForCausalLM.from_pretrained(directory, torch_dtype=torch.float32).eval()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name in ("base", "adapter", "merged"):
        parser.add_argument(name)
    arguments = parser.parse_args()
    merged = load(arguments.merged)
    unmerged = peft.PeftModel.from_pretrained(load(arguments.base), arguments.adapter).eval()
    tokens = torch.randint(merged.config.vocab_size, (1, 64), generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        expected = unmerged(tokens).logits
        largest = (merged(tokens).logits - expected).abs().max().item()
    is_f32 = transformers.AutoConfig.from_pretrained(arguments.merged).torch_dtype == torch.float32
    allowed = (1e-3 if is_f32 else 0.05) * expected.std().item()
    print(f"largest difference {largest:.2e}, allowed {allowed:.2e}")
    sys.exit(0 if largest <= allowed else 1)


if __name__ == "__main__":
    main()
