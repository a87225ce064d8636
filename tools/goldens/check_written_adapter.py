#!/usr/bin/env python3
"""Holds a model and an adapter that kith-train wrote, as kith runs them in f32, against transformers and PEFT.

  check_written_adapter.py KITH MODEL_DIR ADAPTER_DIR TEXT

Prints the mean log-probability a token of TEXT (its first 400 tokens) by both, with and without the adapter, and fails if they
differ by 1e-4 or more. Needs torch, transformers and peft.
"""
import json
import math
import os
import subprocess
import sys

import peft
import torch
import transformers

WINDOW = 400


def by_kith(kith, model, text, adapter):
    command = [kith, "model", "perplexity", text, "--window", str(WINDOW), "--json"] + (["--adapter", adapter] if adapter else [])
    run = subprocess.run(command, check=True, capture_output=True, env={**os.environ, "KITH_MODEL_DIR": model, "KITH_MODEL_DTYPE": "f32"})
    ranges = json.loads(run.stdout)["positions"]
    return -sum(r["tokens"] * math.log(r["perplexity"]) for r in ranges) / sum(r["tokens"] for r in ranges)


def by_peft(model, ids):
    with torch.no_grad():
        logits = model(ids[None]).logits[0, :-1].double()
    return torch.log_softmax(logits, -1).gather(1, ids[1:, None]).mean().item()


def main():
    kith, model_dir, adapter_dir, text = sys.argv[1:]
    tokenizer = transformers.PreTrainedTokenizerFast(tokenizer_file=f"{model_dir}/tokenizer.json")
    ids = torch.tensor(tokenizer(open(text).read(), add_special_tokens=False)["input_ids"][:WINDOW])
    short = f"{text}.short"
    with open(short, "w") as file:
        file.write(tokenizer.decode(ids, clean_up_tokenization_spaces=False))
    base = transformers.AutoModelForCausalLM.from_pretrained(model_dir, torch_dtype=torch.float32).eval()
    plain = by_peft(base, ids)
    adapted = by_peft(peft.PeftModel.from_pretrained(base, adapter_dir).eval(), ids)
    worst = 0.0
    for name, reference, adapter in (("base", plain, None), ("adapter", adapted, adapter_dir)):
        ours = by_kith(kith, model_dir, short, adapter)
        worst = max(worst, abs(ours - reference))
        print(f"{name}: kith {ours:.6f}, reference {reference:.6f}")
    os.remove(short)
    sys.exit(0 if worst < 1e-4 and abs(plain - adapted) > 1e-3 else 1)


if __name__ == "__main__":
    main()
