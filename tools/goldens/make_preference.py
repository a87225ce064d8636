#!/usr/bin/env python3
"""Writes src/kith/train/testdata/preference.json: DPO and KTO losses with their gradients from PyTorch in float64.

    make_preference.py [src/kith/train/testdata/preference.json]

Written from the papers (Rafailov et al. 2023; Mitchell 2023; Lambert et al. 2024; Ethayarajh et al. 2024), not from Kith's code. Needs torch.
"""
import json
import sys

import torch
import torch.nn.functional as F

COUNT = 7


def numbers(tensor):
    return [float(x) for x in tensor]


def dpo_case(generator, beta, smoothing, normalised, sft):
    def drawn(low, high):
        return low + (high - low) * torch.rand(COUNT, generator=generator, dtype=torch.float64)

    tokens = {k: torch.randint(3, 90, (COUNT,), generator=generator).double() for k in ("chosen", "rejected")}
    reference = {k: -3.0 * tokens[k] + drawn(-5, 5) for k in tokens}
    policy = {k: (reference[k] + drawn(-25, 25)).requires_grad_() for k in tokens}
    ratio = {k: policy[k] - reference[k] for k in tokens}
    if normalised:
        ratio = {k: ratio[k] / tokens[k] for k in tokens}
    h = beta * (ratio["chosen"] - ratio["rejected"])
    loss = (1 - smoothing) * F.softplus(-h) + smoothing * F.softplus(h)
    loss = loss + sft * -(policy["chosen"] / tokens["chosen"])
    loss.sum().backward()
    case = {"beta": beta, "label_smoothing": smoothing, "length_normalised": normalised, "sft_weight": sft}
    for k in tokens:
        case |= {k: numbers(policy[k]), "reference_" + k: numbers(reference[k]), k + "_tokens": numbers(tokens[k]),
                 "gradient_" + k: numbers(policy[k].grad)}
    return case | {"margins": numbers(h), "losses": numbers(loss)}


def kto_case(generator, beta, up, down, lowered):
    def drawn(low, high):
        return low + (high - low) * torch.rand(COUNT, generator=generator, dtype=torch.float64)

    reference, mismatched_reference = drawn(-300, -50), drawn(-400, -100)
    policy = (reference + drawn(-20, 20)).requires_grad_()
    # `lowered` makes the estimate negative, so that it is clamped.
    mismatched = (mismatched_reference + drawn(-2, 8) - (20 if lowered else 0)).requires_grad_()
    labels = torch.tensor([True, False, True, True, False, False, True])
    kl = torch.clamp((mismatched - mismatched_reference).mean(), min=0).detach()
    r = policy - reference
    value = torch.where(labels, torch.sigmoid(beta * (r - kl)), torch.sigmoid(beta * (kl - r)))
    weight = torch.where(labels, torch.tensor(up, dtype=torch.float64), torch.tensor(down, dtype=torch.float64))
    loss = weight * (1 - value)
    loss.sum().backward()
    assert mismatched.grad is None
    return {"beta": beta, "desirable_weight": up, "undesirable_weight": down, "policy": numbers(policy),
            "reference": numbers(reference), "mismatched": numbers(mismatched),
            "mismatched_reference": numbers(mismatched_reference), "desirable": [bool(x) for x in labels],
            "divergence": float(kl), "losses": numbers(loss), "gradient": numbers(policy.grad)}


def main():
    path = sys.argv[1] if len(sys.argv) > 1 else "src/kith/train/testdata/preference.json"
    generator = torch.Generator().manual_seed(4)
    dpo = [dpo_case(generator, *options) for options in (
        (0.1, 0.0, False, 0.0), (0.5, 0.1, False, 0.0), (5.0, 0.0, True, 0.0), (2.0, 0.2, True, 0.3))]
    kto = [kto_case(generator, *options) for options in (
        (0.1, 1.0, 1.0, False), (0.3, 1.33, 0.5, False), (0.1, 1.0, 1.5, True))]
    with open(path, "w") as out:
        out.write("{\"dpo\": [\n" + ",\n".join(map(json.dumps, dpo)) + "\n],\n\"kto\": [\n" + ",\n".join(map(json.dumps, kto)) + "\n]}\n")


if __name__ == "__main__":
    main()
