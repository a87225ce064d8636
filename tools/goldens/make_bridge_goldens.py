#!/usr/bin/env python3
"""Writes tiny seeded memory bridges for committed checkpoints, and the logits with them.

    make_bridge_goldens.py TESTDATA_DIRECTORY

TESTDATA_DIRECTORY is src/kith/model/testdata with the checkpoints and adapters of
make_model_goldens.py; the output is committed there. This script runs again only to add a case. Made
with torch 1.13, peft 0.13.2 and transformers 4.46.3.

Each output directory is a memory bridge (docs/formats/memory-bridge.md) with a file
golden.safetensors: `tokens` [n] i32, `memory` [rows, width] f32, `logits` [n, vocab] f32 of the tokens
with that memory, `soft_prompt` [m, hidden] f32 and `logits_all` [m + n, vocab] f32 of the soft prompt
followed by the tokens, with the memory and the checkpoint's adapter. Everything is computed in f32
from the weights as they are stored. The attention is written out here with PyTorch's own
scaled-dot-product formula, apart from Kith's.
"""
import argparse
import dataclasses
import json
import math
import pathlib

import peft
import safetensors.torch
import torch
import transformers


@dataclasses.dataclass
class Case:
    base: str
    adapter: str
    layers: dict[int, float]  # layer to gate
    heads: int
    kv_heads: int
    head_dim: int
    memory_rows: int
    memory_width: int
    dtype: torch.dtype
    seed: int


CASES = {
    # Heads unlike the base model's; a memory that fills no block of 16 rows; gates of both signs.
    "bridge": Case("gqa_tied", "adapter", {0: 0.7, 1: -1.3}, heads=6, kv_heads=2, head_dim=10,
                   memory_rows=19, memory_width=24, dtype=torch.float32, seed=100),
    # One layer of two, a key-value head for every head, weights in f16; a sliding window.
    "mistral_bridge": Case("mistral_window", "mistral_adapter", {1: 2.0}, heads=3, kv_heads=3,
                           head_dim=16, memory_rows=40, memory_width=7, dtype=torch.float16, seed=110),
}


def make_bridge(case: Case, hidden: int) -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(case.seed)

    def matrix(rows: int, columns: int) -> torch.Tensor:
        return torch.randn((rows, columns), generator=generator) / columns**0.5

    tensors = {}
    for layer, gate in case.layers.items():
        prefix = f"layers.{layer}.cross_attn"
        kv_size = case.kv_heads * case.head_dim
        tensors[prefix + "_norm.weight"] = 1.0 + 0.2 * torch.randn(hidden, generator=generator)
        tensors[prefix + ".q_proj.weight"] = matrix(case.heads * case.head_dim, hidden)
        tensors[prefix + ".k_proj.weight"] = matrix(kv_size, case.memory_width)
        tensors[prefix + ".v_proj.weight"] = matrix(kv_size, case.memory_width)
        tensors[prefix + ".o_proj.weight"] = matrix(hidden, case.heads * case.head_dim)
        tensors[prefix + "_gate"] = torch.tensor([gate])
    return {name: tensor.to(case.dtype) for name, tensor in tensors.items()}


def cross_attention(case: Case, tensors: dict[str, torch.Tensor], layer: int, eps: float,
                    hidden: torch.Tensor, memory: torch.Tensor) -> torch.Tensor:
    """What layer `layer` adds to `hidden` [n, hidden]."""
    def weight(name: str) -> torch.Tensor:
        return tensors[f"layers.{layer}.cross_attn{name}"].float()

    normed = hidden * torch.rsqrt(hidden.pow(2).mean(-1, keepdim=True) + eps) * weight("_norm.weight")

    def heads(rows: torch.Tensor, name: str, count: int) -> torch.Tensor:
        return (rows @ weight(name).T).view(-1, count, case.head_dim).transpose(0, 1)

    query = heads(normed, ".q_proj.weight", case.heads)
    groups = case.heads // case.kv_heads
    key = heads(memory, ".k_proj.weight", case.kv_heads).repeat_interleave(groups, 0)
    value = heads(memory, ".v_proj.weight", case.kv_heads).repeat_interleave(groups, 0)
    scores = query @ key.transpose(1, 2) / math.sqrt(case.head_dim)
    mixed = (scores.softmax(-1) @ value).transpose(0, 1).reshape(len(hidden), -1)
    return torch.tanh(weight("_gate")) * (mixed @ weight(".o_proj.weight").T)


def attach(model: torch.nn.Module, case: Case, tensors: dict[str, torch.Tensor], eps: float,
           memory: torch.Tensor) -> None:
    """Adds the cross-attention between self-attention and feed-forward part of the chosen layers."""
    for index in case.layers:
        layer = model.model.layers[index]
        inputs = {}

        # What the norm reads is the layer's input.
        def remember(module, args, outputs, inputs=inputs):
            inputs["hidden"] = args[0]

        # The layer adds what self-attention returns to its input: adding to the one adds to the sum.
        def add(module, args, outputs, index=index, inputs=inputs):
            hidden = (inputs["hidden"] + outputs[0])[0]
            added = cross_attention(case, tensors, index, eps, hidden, memory)
            return (outputs[0] + added[None], *outputs[1:])

        layer.input_layernorm.register_forward_hook(remember)
        layer.self_attn.register_forward_hook(add)


def make_case(testdata: pathlib.Path, name: str, case: Case) -> None:
    model = transformers.AutoModelForCausalLM.from_pretrained(
        testdata / case.base, torch_dtype=torch.float32, attn_implementation="eager").eval()
    tokens = safetensors.torch.load_file(testdata / case.base / "golden.safetensors")["tokens"]
    hidden = model.config.hidden_size
    tensors = make_bridge(case, hidden)
    generator = torch.Generator().manual_seed(case.seed + 1)
    memory = torch.randn((case.memory_rows, case.memory_width), generator=generator)
    soft_prompt = 0.3 * torch.randn((5, hidden), generator=generator)
    eps = 2e-5
    attach(model, case, tensors, eps, memory)
    golden = {"tokens": tokens, "memory": memory, "soft_prompt": soft_prompt}
    with torch.no_grad():
        golden["logits"] = model(tokens[None].long()).logits[0].contiguous()
        embeddings = torch.cat([soft_prompt, model.model.embed_tokens(tokens.long())])
        adapted = peft.PeftModel.from_pretrained(model, testdata / case.adapter).eval()
        golden["logits_all"] = adapted(inputs_embeds=embeddings[None]).logits[0].contiguous()
    print(name, "standard deviations", golden["logits"].std().item(), golden["logits_all"].std().item())

    directory = testdata / name
    directory.mkdir(exist_ok=True)
    config = {
        "bridge_type": "gated_cross_attention",
        "version": 1,
        "base_model_name_or_path": None,
        "hidden_size": hidden,
        "num_hidden_layers": model.config.num_hidden_layers,
        "memory_width": case.memory_width,
        "num_attention_heads": case.heads,
        "num_key_value_heads": case.kv_heads,
        "head_dim": case.head_dim,
        "rms_norm_eps": eps,
        "layers": list(case.layers),
    }
    (directory / "bridge_config.json").write_text(json.dumps(config, indent=2) + "\n")
    safetensors.torch.save_file(tensors, directory / "bridge_model.safetensors")
    safetensors.torch.save_file(golden, directory / "golden.safetensors")
    # The library makes these readable for their owner alone.
    for path in directory.glob("*.safetensors"):
        path.chmod(0o644)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("testdata", type=pathlib.Path)
    parser.add_argument("cases", nargs="*", help="default: all", metavar="CASE")
    arguments = parser.parse_args()
    for name in arguments.cases or CASES:
        make_case(arguments.testdata, name, CASES[name])


if __name__ == "__main__":
    main()
