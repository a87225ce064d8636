#!/usr/bin/env python3
"""Writes tiny seeded checkpoints and the logits that Hugging Face transformers gives for them.

    make_model_goldens.py OUTPUT_DIRECTORY [CASE...]

The output is committed under src/kith/model/testdata; this script runs again only to add a case. Made
with torch 1.13, peft 0.13.2 and transformers 4.46.3, the case qwen3 with 4.51.3; any later versions
give the same to 1e-5.

Each case is a Hugging Face directory with a file golden.safetensors beside the weights: `tokens` [n] i32
and `logits` [n, vocab] f32, computed in f32 from the weights as they are stored. The directories of
ADAPTERS hold a PEFT adapter for one case each and the logits with it.
"""
import argparse
import dataclasses
import json
import pathlib

import peft
import safetensors.torch
import torch
import transformers

VOCAB = 96
NUM_TOKENS = 80

BASE = {
    "vocab_size": VOCAB,
    "hidden_size": 32,
    "intermediate_size": 56,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 256,
    "rms_norm_eps": 1e-5,
    "tie_word_embeddings": False,
    "bos_token_id": 1,
    "eos_token_id": 2,
}


@dataclasses.dataclass
class Case:
    family: str
    overrides: dict
    dtype: torch.dtype = torch.bfloat16
    shard: str = "1GB"
    seed: int = 0


CASES = {
    # Grouped heads, tied head, two shards with an index, bf16.
    "gqa_tied": Case("Llama", {"tie_word_embeddings": True}, shard="30KB", seed=0),
    # A key-value head for every head, biases everywhere, f32.
    "mha_bias": Case("Llama", {"num_key_value_heads": 4, "attention_bias": True, "mlp_bias": True},
                     torch.float32, seed=10),
    "linear_rope": Case(
        "Llama", {"rope_scaling": {"type": "linear", "factor": 2.5}, "rope_theta": 5000.0}, seed=20),
    # Frequencies on both sides of both thresholds; heads wider than hidden / heads; f16.
    "llama3_rope": Case(
        "Llama",
        {"head_dim": 16, "rope_theta": 500.0,
         "rope_scaling": {"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0,
                          "high_freq_factor": 4.0, "original_max_position_embeddings": 64}},
        torch.float16, seed=30),
    # The window is shorter than the text and cuts blocks of the cache; heads wider than hidden / heads.
    "mistral_window": Case("Mistral", {"sliding_window": 21, "head_dim": 12}, seed=40),
    # Biases of q, k and v alone; tied head; a window that is switched off.
    "qwen2": Case("Qwen2", {"tie_word_embeddings": True, "use_sliding_window": False,
                            "sliding_window": 16, "rope_theta": 1e6}, seed=50),
    # Norms of queries and keys; heads wider than hidden / heads; tied head.
    "qwen3": Case("Qwen3", {"tie_word_embeddings": True, "head_dim": 24, "use_sliding_window": False,
                            "rope_theta": 1e6}, seed=60),
}

# Exceptions by regular expressions, several of which match a module: the first in the file counts, which
# is neither the longest nor the first in the alphabet. PEFT before 0.14 looks both up by one
# key and wants a dot before it; no key here is one that it would match otherwise.
PATTERNS = {
    "rank_pattern": {"up_proj": 3, r"layers\.\d+\.mlp\.(up|gate)_proj": 2, "1.self_attn.o_proj": 1},
    "alpha_pattern": {"v_proj": 12, "layers.0.self_attn.v_proj": 2, "self_attn.[qk]_proj": 3, "k_proj": 24,
                      "layers.1.mlp.down_proj": -5},
}
PATTERN_ADAPTER = ("gqa_tied", "pattern_adapter")

# Directory of the adapter, by the case that it belongs to.
ADAPTERS = {"gqa_tied": "adapter", "mistral_window": "mistral_adapter", "qwen2": "qwen2_adapter",
            "qwen3": "qwen3_adapter"}


def randomize(model: torch.nn.Module, seed: int) -> None:
    """Gives every parameter a value that matters: by default biases are 0 and norms are 1."""
    generator = torch.Generator().manual_seed(seed)
    for name, parameter in model.named_parameters():
        noise = torch.randn(parameter.shape, generator=generator)
        if "norm" in name:
            parameter.data = 1.0 + 0.2 * noise
        elif name.endswith("bias"):
            parameter.data = 0.2 * noise
        elif "embed_tokens" in name or "lm_head" in name:
            parameter.data = 0.3 * noise
        else:
            parameter.data = noise / parameter.shape[-1] ** 0.5


def logits_of(model: torch.nn.Module, tokens: torch.Tensor) -> torch.Tensor:
    with torch.no_grad():
        return model(tokens[None]).logits[0].float().contiguous()


def save_golden(path: pathlib.Path, tokens: torch.Tensor, logits: torch.Tensor) -> None:
    safetensors.torch.save_file({"tokens": tokens.to(torch.int32), "logits": logits}, path)


def make_case(directory: pathlib.Path, case: Case) -> tuple[torch.nn.Module, torch.Tensor]:
    # Imported by name here: older libraries lack some families.
    config_class = getattr(transformers, case.family + "Config")
    model_class = getattr(transformers, case.family + "ForCausalLM")
    # Of the ways to compute attention, this one alone honours a window everywhere.
    config = config_class(**{**BASE, **case.overrides}, attn_implementation="eager")
    config.architectures = [case.family + "ForCausalLM"]
    model = model_class(config).eval()
    randomize(model, case.seed)
    model.to(case.dtype).save_pretrained(directory, max_shard_size=case.shard)
    # Read again rather than converted back: to() has rounded the rotary frequencies as well.
    model = model_class.from_pretrained(
        directory, torch_dtype=torch.float32, attn_implementation="eager").eval()
    generator = torch.Generator().manual_seed(case.seed + 1)
    tokens = torch.randint(VOCAB, (NUM_TOKENS,), generator=generator)
    save_golden(directory / "golden.safetensors", tokens, logits_of(model, tokens))
    return model, tokens


def make_pattern_adapter(directory: pathlib.Path, model: torch.nn.Module, tokens: torch.Tensor) -> None:
    """An adapter whose configuration somebody wrote by hand: PEFT itself sorts the keys."""
    make_adapter(directory, model, tokens)
    path = directory / "adapter_config.json"
    saved = {**json.loads(path.read_text()), **PATTERNS, "use_rslora": False}
    path.write_text(json.dumps(saved, indent=2) + "\n")
    ranks = peft.get_peft_model(model, peft.LoraConfig.from_pretrained(directory))
    weights = peft.get_peft_model_state_dict(ranks)
    generator = torch.Generator().manual_seed(98)
    weights = {name: 0.15 * torch.randn(weight.shape, generator=generator) for name, weight in sorted(weights.items())}
    safetensors.torch.save_file(weights, directory / "adapter_model.safetensors", {"format": "pt"})
    adapted = peft.PeftModel.from_pretrained(ranks.unload(), directory).eval()
    save_golden(directory / "golden.safetensors", tokens, logits_of(adapted, tokens))
    adapted.unload()


def make_adapter(directory: pathlib.Path, model: torch.nn.Module, tokens: torch.Tensor) -> None:
    config = peft.LoraConfig(
        r=4, lora_alpha=6, use_rslora=True, task_type="CAUSAL_LM",
        target_modules=["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj",
                        "down_proj"],
        rank_pattern={"layers.1.mlp.down_proj": 2}, alpha_pattern={"k_proj": 3})
    adapted = peft.get_peft_model(model, config).eval()
    generator = torch.Generator().manual_seed(99)
    for name, parameter in adapted.named_parameters():
        if "lora_" in name:
            parameter.data = 0.15 * torch.randn(parameter.shape, generator=generator)
    adapted.save_pretrained(directory)
    (directory / "README.md").unlink(missing_ok=True)
    # Where the base model lay is of no use to anybody else.
    path = directory / "adapter_config.json"
    saved = json.loads(path.read_text())
    saved["base_model_name_or_path"] = None
    path.write_text(json.dumps(saved, indent=2, sort_keys=True) + "\n")
    save_golden(directory / "golden.safetensors", tokens, logits_of(adapted, tokens))
    adapted.unload()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("output", type=pathlib.Path)
    parser.add_argument("cases", nargs="*", help="default: all", metavar="CASE")
    arguments = parser.parse_args()
    output = arguments.output
    for name in arguments.cases or CASES:
        model, tokens = make_case(output / name, CASES[name])
        print(name, "logits have standard deviation", logits_of(model, tokens).std().item())
        if name in ADAPTERS:
            make_adapter(output / ADAPTERS[name], model, tokens)
        if name == PATTERN_ADAPTER[0]:
            make_pattern_adapter(output / PATTERN_ADAPTER[1], model, tokens)
    # The library makes these readable for their owner alone.
    for path in output.rglob("*.safetensors"):
        path.chmod(0o644)


if __name__ == "__main__":
    main()
