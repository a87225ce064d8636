"""Users' events become vectors in a running server, and the vectors answer who is like whom."""
import json
import pathlib
import random
import struct
import time
import xml.etree.ElementTree

import pytest
from conftest import Server, kith

WIDTH, IDS, LAYERS = 32, 60, 2


def write_encoder(directory, seed):
    """What `kith-train train timeline` leaves, with random weights: the item alone is read."""
    directory.mkdir()
    values = [f"film {i}" for i in range(IDS - 2)]
    feature = {"name": "film", "type": "category", "source": "item", "size": 100, "min_count": 1, "predict": 1.0,
               "num_ids": IDS, "values": values}
    (directory / "features.json").write_text(json.dumps({"name": "films", "burst_seconds": 0, "features": [feature]}))
    (directory / "config.json").write_text(json.dumps({
        "architectures": ["MistralForCausalLM"], "model_type": "mistral", "hidden_size": WIDTH, "intermediate_size": 64,
        "num_hidden_layers": LAYERS, "num_attention_heads": 2, "num_key_value_heads": 2, "head_dim": 16,
        "vocab_size": IDS, "max_position_embeddings": 4096, "rms_norm_eps": 1e-6, "rope_theta": 10000.0,
        "hidden_act": "silu", "tie_word_embeddings": True, "torch_dtype": "float32", "sliding_window": 20}))
    shapes = {"model.embed_tokens.weight": [IDS, WIDTH], "model.norm.weight": [WIDTH]}
    for layer in range(LAYERS):
        name = f"model.layers.{layer}."
        shapes |= {name + f"self_attn.{part}_proj.weight": [WIDTH, WIDTH] for part in "qkvo"}
        shapes |= {name + "input_layernorm.weight": [WIDTH], name + "post_attention_layernorm.weight": [WIDTH],
                   name + "mlp.gate_proj.weight": [64, WIDTH], name + "mlp.up_proj.weight": [64, WIDTH],
                   name + "mlp.down_proj.weight": [WIDTH, 64]}
    rng, head, data = random.Random(seed), {}, b""
    for name, shape in shapes.items():
        count = shape[0] * (shape[1] if len(shape) > 1 else 1)
        values = [1.0] * count if "norm" in name else [rng.gauss(0, 0.2) for _ in range(count)]
        head[name] = {"dtype": "F32", "shape": shape, "data_offsets": [len(data), len(data) + 4 * count]}
        data += struct.pack(f"<{count}f", *values)
    text = json.dumps(head).encode()
    text += b" " * (-len(text) % 8)
    (directory / "model.safetensors").write_bytes(struct.pack("<Q", len(text)) + text + data)
    return directory


def events_of(users, films, first=1_700_000_000):
    rng = random.Random(4)
    return "\n".join(json.dumps({"user": user, "kind": "watched", "item": f"film {rng.choice(films)}",
                                 "at": first + 60 * i, "id": f"{user}-{first}-{i}"})
                     for user in users for i in range(12))


@pytest.fixture(scope="module")
def running(tmp_path_factory):
    directory = tmp_path_factory.mktemp("embeddings")
    encoder = write_encoder(directory / "encoder", 1)
    settings = directory / "kith.toml"
    settings.write_text(f'[user_encoder]\ndirectory = "{encoder}"\nusers_per_second = 1000\nmin_mean_users = 5\n')
    server = Server("--config", str(settings), data=str(directory / "data"), command="serve")
    server.settings = settings
    for users, films in ((("a0", "a1", "a2", "a3"), (1, 2, 3)), (("b0", "b1", "b2", "b3"), (40, 41, 42))):
        status, body, _ = server.call("/v1/import/events", events_of(users, films), "POST",
                                      {"Content-Type": "application/jsonl"})
        assert status == 200, body
    yield server
    server.stop()


def get(server, path, expected=200):
    status, body, _ = server.call(path)
    assert status == expected, body
    return json.loads(body)


def wait_for(what):
    for _ in range(200):
        if what():
            return
        time.sleep(0.1)
    raise AssertionError("it did not come true in 20 seconds")


def test_users_who_did_alike_are_near(running):
    wait_for(lambda: get(running, "/v1/user-map")["num_users"] == 8)
    similar = get(running, "/v1/users/a0/similar?k=3")
    assert [user["id"][0] for user in similar["data"]] == ["a", "a", "a"]
    assert similar["data"][0]["shared"]["film"]
    _, body, _ = running.call("/v1/user-cohort", {"users": ["b0", "b1"], "k": 2})
    assert {user["id"] for user in json.loads(body)["data"]} == {"b2", "b3"}
    assert len(get(running, "/v1/user-map")["data"]) == 8


def test_an_event_is_in_the_next_answer(running):
    before = get(running, "/v1/users/a1/embedding")
    assert before["num_events"] == 12 and before["is_current"] and len(before["embedding"]) == WIDTH
    running.call("/v1/import/events", events_of(["a1"], (40,), 1_710_000_000), "POST",
                 {"Content-Type": "application/jsonl"})
    wait_for(lambda: get(running, "/v1/users/a1/embedding")["num_events"] == 24)
    after = get(running, "/v1/users/a1/embedding")
    assert after["embedding"] != before["embedding"]
    following = get(running, "/v1/users/a1/next?feature=film&k=4")["data"]
    assert len(following) == 4 and following[0]["value"].startswith("film ")


def test_who_did_nothing_gets_a_mean_and_is_told_so(running):
    mean = get(running, "/v1/users/nobody/embedding")
    assert mean["mean_of"] == {"users": 8, "group": "all"} and mean["num_events"] == 0


def test_the_vectors_are_printed_and_drawn_beside_the_server(running, tmp_path):
    _, out, _ = kith("embed", "users", "--user", "b1", "--data", running.directory)
    line = json.loads(out)
    assert line["user"] == "b1" and line["embedding"] == pytest.approx(
        get(running, "/v1/users/b1/embedding")["embedding"], abs=1e-6)
    plot = tmp_path / "map.svg"
    kith("embed", "users", "--plot", str(plot), "--data", running.directory)
    circles = xml.etree.ElementTree.parse(plot).iter("{http://www.w3.org/2000/svg}circle")
    assert len(list(circles)) == 8 + 1  # one of the legend
    status, _, err = kith("embed", "users", "--user", "nobody", "--data", running.directory, check=False)
    assert status == 1 and "no embedding" in err


def test_metrics_tell_how_far_it_is(running):
    _, text, _ = running.call("/metrics")
    assert 'kith_embedded_users{state="all"} 8' in text
    assert 'kith_user_embeddings_total{outcome="carried_on"}' in text


def test_refusal_and_erasure_take_users_out_of_every_answer(running):
    running.call("/v1/users/a3", {"consent": {"learn": False}}, "PUT")
    get(running, "/v1/users/a3/embedding", 404)
    version = get(running, "/v1/users/a0/embedding")["encoder_version"]
    export = get(running, "/v1/users/a2/export")
    assert export["embeddings"][0]["encoder_version"] == version
    status, body, _ = running.call("/v1/users/a2", method="DELETE")
    assert json.loads(body)["rows"]["user_embeddings"] == 1
    similar = get(running, "/v1/users/a0/similar?k=9")["data"]
    assert not {"a2", "a3"} & {user["id"] for user in similar} and len(similar) == 5


def test_a_wrong_directory_is_refused_at_the_start(tmp_path):
    settings = tmp_path / "kith.toml"
    settings.write_text(f'[user_encoder]\ndirectory = "{tmp_path / "none"}"\n')
    status, _, err = kith("serve", "--config", str(settings), "--data", str(tmp_path / "data"), check=False)
    assert status == 1 and "user_encoder.directory" in err
