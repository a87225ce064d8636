#!/usr/bin/env python3
"""Writes tiny seeded sentence-transformers directories and the vectors that Hugging Face transformers gives for them.

    make_encoder_goldens.py OUTPUT_DIRECTORY [--check MODEL_DIRECTORY]

The output is committed under src/kith/model/testdata; run from the project root, whose tokenizer testdata/bert.json
is used. Made with torch 1.13 and transformers 4.46.3; later versions give the same to 1e-5.

Each case is a directory as sentence-transformers saves one, with golden.json beside it: [{"text", "ids", "vector"}].
The vectors come from BertModel over all texts padded to one batch, then pooling over the attention mask, in f32 from
the weights as they are stored.

With --check, golden.json of any sentence-transformers directory is written to OUTPUT_DIRECTORY instead.
"""
import argparse
import json
import pathlib
import shutil

import tokenizers
import torch
import transformers

TOKENIZER = pathlib.Path("src/kith/text/testdata/bert.json")
TEXTS = [
    "the printer on the third floor does not print", "The Printer", "打印机不能打印，请帮忙看看。", "a",
    "def reset(user): return user.reset()", "Die Drucker im dritten Stock drucken nicht, bitte prüfen",
    "I am happy 😀 that the printer works again in 2025, order 12345", "...",
    "please reset the password of the new colleague before the end of the day, thank you, and look at the network share " * 3,
]
CASES = {
    # Mean pooling, normalised, f32, the encoder alone.
    "sentence_mean": ("BertModel", torch.float32, "mean", True, "1GB"),
    # First token, not normalised, f16 in shards, the encoder under a language model's head.
    "sentence_cls": ("BertForMaskedLM", torch.float16, "cls", False, "40KB"),
}
MAX_TOKENS = 48


def write_json(path, value):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value, indent=2) + "\n")


def randomize(model, seed):
    """Gives every parameter a value that matters: by default biases are 0 and norms are 1."""
    generator = torch.Generator().manual_seed(seed)
    for name, parameter in model.named_parameters():
        noise = torch.randn(parameter.shape, generator=generator)
        if "LayerNorm.weight" in name:
            parameter.data = 1.0 + 0.2 * noise
        elif name.endswith("bias"):
            parameter.data = 0.2 * noise
        elif "embeddings" in name:
            parameter.data = 0.5 * noise
        else:
            parameter.data = 1.5 * noise / parameter.shape[-1] ** 0.5


def make_case(directory, architecture, dtype, pooling, normalizes, shard, seed):
    tokenizer = tokenizers.Tokenizer.from_file(str(TOKENIZER))
    config = transformers.BertConfig(
        vocab_size=tokenizer.get_vocab_size(), hidden_size=32, intermediate_size=56, num_hidden_layers=2,
        num_attention_heads=4, max_position_embeddings=64, layer_norm_eps=1e-12)
    model = getattr(transformers, architecture)(config).eval()
    randomize(model, seed)
    model.to(dtype).save_pretrained(directory, max_shard_size=shard)
    shutil.copy(TOKENIZER, directory / "tokenizer.json")
    write_json(directory / "tokenizer_config.json", {"model_max_length": 512, "cls_token": "[CLS]", "sep_token": "[SEP]"})
    kinds = ["Transformer", "Pooling"] + (["Normalize"] if normalizes else [])
    write_json(directory / "modules.json", [
        {"idx": i, "name": str(i), "path": f"{i}_{kind}" if i else "", "type": f"sentence_transformers.models.{kind}"}
        for i, kind in enumerate(kinds)])
    write_json(directory / "1_Pooling" / "config.json", {
        "word_embedding_dimension": 32, "pooling_mode_cls_token": pooling == "cls",
        "pooling_mode_mean_tokens": pooling == "mean", "pooling_mode_max_tokens": False})
    write_json(directory / "sentence_bert_config.json", {"max_seq_length": MAX_TOKENS, "do_lower_case": False})


def read_json(path, default):
    return json.loads(path.read_text()) if path.exists() else default


def write_golden(directory, path):
    """What transformers and the pooling by hand make of the texts."""
    limits = read_json(directory / "sentence_bert_config.json", {})
    modules = read_json(directory / "modules.json", [])
    pooling = read_json(directory / "1_Pooling" / "config.json", {"pooling_mode_mean_tokens": True})
    tokenizer = tokenizers.Tokenizer.from_file(str(directory / "tokenizer.json"))
    tokenizer.enable_truncation(limits.get("max_seq_length", 512))
    tokenizer.enable_padding()
    encoded = tokenizer.encode_batch(TEXTS)
    mask = torch.tensor([e.attention_mask for e in encoded])
    model = transformers.BertModel.from_pretrained(directory, torch_dtype=torch.float32, add_pooling_layer=False).eval()
    with torch.no_grad():
        states = model(torch.tensor([e.ids for e in encoded]), attention_mask=mask).last_hidden_state
    vectors = states[:, 0]
    if pooling.get("pooling_mode_mean_tokens"):
        vectors = (states * mask[..., None]).sum(1) / mask.sum(1, keepdim=True)
    if any(module["type"].endswith("Normalize") for module in modules):
        vectors = torch.nn.functional.normalize(vectors)
    rows = [{"text": text, "ids": [i for i, m in zip(e.ids, e.attention_mask) if m],
             "vector": [float(f"{x:.7g}") for x in vector]} for text, e, vector in zip(TEXTS, encoded, vectors)]
    lines = ",\n".join(json.dumps(row, separators=(",", ":")) for row in rows)
    path.write_text(f"[\n{lines}\n]\n")
    print(path, "cosine of the first two texts", torch.cosine_similarity(vectors[0], vectors[1], 0).item())


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("output", type=pathlib.Path)
    parser.add_argument("--check", type=pathlib.Path, help="a sentence-transformers directory to record")
    arguments = parser.parse_args()
    if arguments.check:
        arguments.output.mkdir(parents=True, exist_ok=True)
        return write_golden(arguments.check, arguments.output / "golden.json")
    for seed, (name, case) in enumerate(CASES.items()):
        directory = arguments.output / name
        directory.mkdir(parents=True, exist_ok=True)
        make_case(directory, *case, seed)
        write_golden(directory, directory / "golden.json")
    # The library makes these readable for their owner alone.
    for path in arguments.output.rglob("*.safetensors"):
        path.chmod(0o644)


if __name__ == "__main__":
    main()
