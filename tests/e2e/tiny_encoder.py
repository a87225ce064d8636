"""A user encoder of random weights, and bridges from it into the built-in model, for tests."""
import json
import math
import random
import struct

WIDTH = 32
# Ids of the one feature: missing, unknown, and as many buckets as items are hashed into.
IDS = 32
BUILTIN = {"hidden_size": 256, "layers": 8}


def write_safetensors(path, tensors):
    """`tensors`: name to (shape, values), written as F32."""
    header, data = {}, b""
    for name, (shape, values) in tensors.items():
        piece = struct.pack(f"<{len(values)}f", *values)
        header[name] = {"dtype": "F32", "shape": shape, "data_offsets": [len(data), len(data) + len(piece)]}
        data += piece
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    path.write_bytes(struct.pack("<Q", len(text)) + text + data)


class Weights:
    def __init__(self, seed):
        self.random = random.Random(seed)

    def matrix(self, rows, columns, size=1.0):
        return [rows, columns], [size * self.random.gauss(0, 1) / math.sqrt(columns) for _ in range(rows * columns)]

    def ones(self, count):
        return [count], [1.0] * count


def write_encoder(directory):
    """One layer of a Mistral over rows of one hashed feature, the item."""
    directory.mkdir(parents=True)
    weights = Weights(1)
    tensors = {"model.embed_tokens.weight": weights.matrix(IDS, WIDTH, size=5.0), "model.norm.weight": weights.ones(WIDTH)}
    layer = "model.layers.0."
    for name in ("q", "k", "v", "o"):
        tensors[f"{layer}self_attn.{name}_proj.weight"] = weights.matrix(WIDTH, WIDTH)
    for name in ("gate", "up"):
        tensors[f"{layer}mlp.{name}_proj.weight"] = weights.matrix(48, WIDTH)
    tensors[f"{layer}mlp.down_proj.weight"] = weights.matrix(WIDTH, 48)
    for name in ("input", "post_attention"):
        tensors[f"{layer}{name}_layernorm.weight"] = weights.ones(WIDTH)
    write_safetensors(directory / "model.safetensors", tensors)
    (directory / "config.json").write_text(json.dumps({
        "architectures": ["MistralForCausalLM"], "model_type": "mistral", "hidden_size": WIDTH, "intermediate_size": 48,
        "num_hidden_layers": 1, "num_attention_heads": 2, "num_key_value_heads": 2, "vocab_size": IDS, "sliding_window": 16,
        "max_position_embeddings": 4096, "rms_norm_eps": 1e-5, "rope_theta": 10000.0, "tie_word_embeddings": True,
        "hidden_act": "silu"}))
    (directory / "features.json").write_text(json.dumps({
        "name": "tiny", "burst_seconds": 0, "features": [
            {"name": "item", "type": "hashed", "source": "item", "size": IDS - 2, "min_count": 1, "predict": 1}]}))


def write_attention_bridge(directory, gate):
    directory.mkdir(parents=True)
    weights = Weights(2)
    hidden, heads, head_dim = BUILTIN["hidden_size"], 4, 16
    tensors = {}
    for layer in (2, 5):
        name = f"layers.{layer}.cross_attn"
        tensors[name + "_gate"] = [1], [gate]
        tensors[name + "_norm.weight"] = weights.ones(hidden)
        tensors[name + ".q_proj.weight"] = weights.matrix(heads * head_dim, hidden)
        tensors[name + ".k_proj.weight"] = weights.matrix(heads * head_dim, WIDTH)
        tensors[name + ".v_proj.weight"] = weights.matrix(heads * head_dim, WIDTH, size=20.0)
        tensors[name + ".o_proj.weight"] = weights.matrix(hidden, heads * head_dim, size=20.0)
    write_safetensors(directory / "bridge_model.safetensors", tensors)
    (directory / "bridge_config.json").write_text(json.dumps({
        "bridge_type": "gated_cross_attention", "version": 1, "hidden_size": hidden, "num_hidden_layers": BUILTIN["layers"],
        "memory_width": WIDTH, "num_attention_heads": heads, "head_dim": head_dim, "layers": [2, 5]}))


def write_prompt_bridge(directory, rows, hidden=BUILTIN["hidden_size"], **changes):
    directory.mkdir(parents=True)
    weights = Weights(3)
    write_safetensors(directory / "bridge_model.safetensors", {
        "norm.weight": weights.ones(WIDTH), "up_proj.weight": weights.matrix(24, WIDTH),
        "down_proj.weight": weights.matrix(hidden, 24)})
    (directory / "bridge_config.json").write_text(json.dumps({
        "bridge_type": "soft_prompt", "version": 1, "hidden_size": hidden, "memory_width": WIDTH, "rows": rows,
        "intermediate_size": 24, **changes}))
