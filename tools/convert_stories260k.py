#!/usr/bin/env python3
"""Converts a llama2.c checkpoint (version 0) and its tokenizer to a Hugging Face directory.

    convert_stories260k.py MODEL.bin TOKENIZER.bin OUTPUT_DIRECTORY

Writes config.json, model.safetensors (f32), tokenizer.json and tokenizer_config.json. Needs Python alone.

llama2.c rotates neighbouring elements of a head, Hugging Face element i with element i + head_dim / 2;
so the rows of the query and key projections are put into another order.
"""
import argparse
import array
import json
import pathlib
import struct
import sys

SPACE = "\u2581"
UNKNOWN, BOS, EOS = 0, 1, 2


class Reader:
    """Takes f32 arrays off the front of the file, one after the other."""

    def __init__(self, data: bytes, offset: int):
        self.data = data
        self.offset = offset

    def take(self, count: int) -> array.array:
        end = self.offset + 4 * count
        if end > len(self.data):
            sys.exit("the checkpoint is shorter than its header says")
        values = array.array("f", self.data[self.offset : end])
        if sys.byteorder == "big":
            values.byteswap()
        self.offset = end
        return values


def halves_from_pairs(weights: array.array, heads: int, width: int) -> array.array:
    """Reorders the rows [heads * head_dim, width] of a projection from pairs to halves."""
    head_dim = len(weights) // width // heads
    order = [*range(0, head_dim, 2), *range(1, head_dim, 2)]
    rows = array.array("f")
    for head in range(heads):
        for i in order:
            start = (head * head_dim + i) * width
            rows.extend(weights[start : start + width])
    return rows


def read_model(data: bytes) -> tuple[dict, dict]:
    """Returns the config and the tensors, name to (shape, values)."""
    dim, hidden, layers, heads, kv_heads, vocab, positions = struct.unpack_from("<7i", data)
    is_tied = vocab > 0
    vocab = abs(vocab)
    head_dim = dim // heads
    kv_dim = kv_heads * head_dim
    reader = Reader(data, 28)
    tensors = {"model.embed_tokens.weight": ((vocab, dim), reader.take(vocab * dim))}

    def take_layers(name: str, shape: tuple, reorder_heads: int = 0) -> None:
        count = shape[0] * (shape[1] if len(shape) == 2 else 1)
        for layer in range(layers):
            values = reader.take(count)
            if reorder_heads:
                values = halves_from_pairs(values, reorder_heads, dim)
            tensors[f"model.layers.{layer}.{name}.weight"] = (shape, values)

    take_layers("input_layernorm", (dim,))
    take_layers("self_attn.q_proj", (dim, dim), heads)
    take_layers("self_attn.k_proj", (kv_dim, dim), kv_heads)
    take_layers("self_attn.v_proj", (kv_dim, dim))
    take_layers("self_attn.o_proj", (dim, dim))
    take_layers("post_attention_layernorm", (dim,))
    take_layers("mlp.gate_proj", (hidden, dim))
    take_layers("mlp.down_proj", (dim, hidden))
    take_layers("mlp.up_proj", (hidden, dim))
    tensors["model.norm.weight"] = ((dim,), reader.take(dim))
    reader.take(positions * head_dim)  # cosines and sines of the rotary embedding
    if not is_tied:
        tensors["lm_head.weight"] = ((vocab, dim), reader.take(vocab * dim))

    config = {
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "vocab_size": vocab,
        "hidden_size": dim,
        "intermediate_size": hidden,
        "num_hidden_layers": layers,
        "num_attention_heads": heads,
        "num_key_value_heads": kv_heads,
        "max_position_embeddings": positions,
        "rms_norm_eps": 1e-5,
        "rope_theta": 10000.0,
        "hidden_act": "silu",
        "tie_word_embeddings": is_tied,
        "bos_token_id": BOS,
        "eos_token_id": EOS,
        "torch_dtype": "float32",
    }
    return config, tensors


def write_safetensors(path: pathlib.Path, tensors: dict) -> None:
    header, offset = {}, 0
    for name, (shape, values) in tensors.items():
        end = offset + 4 * len(values)
        header[name] = {"dtype": "F32", "shape": shape, "data_offsets": [offset, end]}
        offset = end
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with path.open("wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        for _, values in tensors.values():
            if sys.byteorder == "big":
                values = array.array("f", values)
                values.byteswap()
            file.write(values.tobytes())


def read_pieces(data: bytes, vocab: int) -> tuple[list[str], list[float]]:
    """Returns the pieces, as SentencePiece spells them, and their scores."""
    pieces, scores, offset = [], [], 4
    for _ in range(vocab):
        score, length = struct.unpack_from("<fi", data, offset)
        offset += 8
        pieces.append(data[offset : offset + length].decode().replace(" ", SPACE))
        scores.append(score)
        offset += length
    # llama2.c spells these as they look in its output.
    pieces[UNKNOWN], pieces[BOS], pieces[EOS] = "<unk>", "<s>", "</s>"
    return pieces, scores


def merges_of(pieces: list[str], scores: list[float]) -> list[list[str]]:
    """Every way to put a piece together from two others, best score first."""
    ids = {piece: i for i, piece in enumerate(pieces)}
    merges = []
    for piece, score in zip(pieces, scores):
        for cut in range(1, len(piece)):
            left, right = piece[:cut], piece[cut:]
            if left in ids and right in ids and not piece.startswith("<0x"):
                merges.append((-score, ids[left], ids[right]))
    return [[pieces[left], pieces[right]] for _, left, right in sorted(merges)]


def tokenizer_json(pieces: list[str], scores: list[float]) -> dict:
    special = [
        {"id": i, "content": pieces[i], "single_word": False, "lstrip": False, "rstrip": False,
         "normalized": False, "special": True}
        for i in (UNKNOWN, BOS, EOS)
    ]
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": special,
        "normalizer": {"type": "Sequence", "normalizers": [
            {"type": "Prepend", "prepend": SPACE},
            {"type": "Replace", "pattern": {"String": " "}, "content": SPACE}]},
        "pre_tokenizer": None,
        "post_processor": {
            "type": "TemplateProcessing",
            "single": [{"SpecialToken": {"id": "<s>", "type_id": 0}},
                       {"Sequence": {"id": "A", "type_id": 0}}],
            "pair": [{"SpecialToken": {"id": "<s>", "type_id": 0}},
                     {"Sequence": {"id": "A", "type_id": 0}},
                     {"SpecialToken": {"id": "<s>", "type_id": 1}},
                     {"Sequence": {"id": "B", "type_id": 1}}],
            "special_tokens": {"<s>": {"id": "<s>", "ids": [BOS], "tokens": ["<s>"]}}},
        "decoder": {"type": "Sequence", "decoders": [
            {"type": "Replace", "pattern": {"String": SPACE}, "content": " "},
            {"type": "ByteFallback"},
            {"type": "Fuse"},
            {"type": "Strip", "content": " ", "start": 1, "stop": 0}]},
        "model": {
            "type": "BPE",
            "dropout": None,
            "unk_token": "<unk>",
            "continuing_subword_prefix": None,
            "end_of_word_suffix": None,
            "fuse_unk": True,
            "byte_fallback": True,
            "ignore_merges": False,
            "vocab": {piece: i for i, piece in enumerate(pieces)},
            "merges": merges_of(pieces, scores)},
    }


def write_json(path: pathlib.Path, value: dict) -> None:
    path.write_text(json.dumps(value, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", type=pathlib.Path)
    parser.add_argument("tokenizer", type=pathlib.Path)
    parser.add_argument("output", type=pathlib.Path)
    args = parser.parse_args()

    config, tensors = read_model(args.model.read_bytes())
    pieces, scores = read_pieces(args.tokenizer.read_bytes(), config["vocab_size"])
    args.output.mkdir(parents=True, exist_ok=True)
    write_json(args.output / "config.json", config)
    write_safetensors(args.output / "model.safetensors", tensors)
    write_json(args.output / "tokenizer.json", tokenizer_json(pieces, scores))
    write_json(args.output / "tokenizer_config.json", {
        "tokenizer_class": "LlamaTokenizer", "add_bos_token": True, "add_eos_token": False,
        "bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>",
        "model_max_length": config["max_position_embeddings"]})
    return 0


if __name__ == "__main__":
    sys.exit(main())
