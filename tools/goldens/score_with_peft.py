#!/usr/bin/env python3
"""Log-probabilities of tokens by transformers and PEFT, as JSON on standard output.

  score_with_peft.py BASE TOKENS.json [ADAPTER] [--merged MERGED]

BASE and MERGED are Hugging Face directories, ADAPTER a PEFT directory, TOKENS a list of token ids. Prints {"base":[..],
"adapter":[..],"merged":[..]}: of every token but the first, in f32. Needs torch, transformers and peft.
"""
import argparse
import json

import peft
import torch
import transformers


def load(directory):
    return transformers.AutoModelForCausalLM.from_pretrained(directory, torch_dtype=torch.float32).eval()


def score(model, ids):
    with torch.no_grad():
        logits = model(ids[None]).logits[0, :-1].double()
    return torch.log_softmax(logits, -1).gather(1, ids[1:, None])[:, 0].tolist()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("base")
    parser.add_argument("tokens")
    parser.add_argument("adapter", nargs="?")
    parser.add_argument("--merged")
    arguments = parser.parse_args()
    with open(arguments.tokens) as file:
        ids = torch.tensor(json.load(file))
    scores = {"base": score(load(arguments.base), ids)}
    if arguments.adapter:
        scores["adapter"] = score(peft.PeftModel.from_pretrained(load(arguments.base), arguments.adapter).eval(), ids)
    if arguments.merged:
        scores["merged"] = score(load(arguments.merged), ids)
    print(json.dumps(scores))


if __name__ == "__main__":
    main()
