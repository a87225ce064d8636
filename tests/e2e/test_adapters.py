"""Adapters that come, go and break while a server answers."""
import concurrent.futures
import json
import pathlib
import shutil

import openai
import pytest

from conftest import Server

BUILTIN = pathlib.Path("models/builtin/adapters")
QUESTION = [{"role": "user", "content": "When is the outage of the VPN resolved?"}]
# An employee of the demo whose persona is leadership.
LEADER = "e001"


@pytest.fixture(scope="module")
def directory(tmp_path_factory):
    copy = tmp_path_factory.mktemp("adapters")
    shutil.copytree(BUILTIN, copy, dirs_exist_ok=True)
    shutil.copytree(BUILTIN / "new_hire", copy / "spare")
    shutil.rmtree(copy / "new_hire")
    return copy


@pytest.fixture(scope="module")
def server(directory):
    running = Server("--adapters", str(directory))
    yield running
    running.stop()


@pytest.fixture
def client(server):
    return openai.OpenAI(base_url=server.url + "/v1", api_key="none", max_retries=0)


def load(server, name, path, **options):
    return server.call("/v1/load_lora_adapter", {"lora_name": name, "lora_path": path, **options})


def unload(server, name):
    return server.call("/v1/unload_lora_adapter", {"lora_name": name})


def spoil(directory, name):
    """A copy of an adapter whose last weight is not a number, in whatever type it is held."""
    shutil.copytree(directory / "spare", directory / name)
    weights = directory / name / "adapter_model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-4] + b"\xff\xff\xff\x7f")


def likelihood(client, model):
    return client.completions.create(model=model, prompt="The vault needs form 7.", max_tokens=0, echo=True,
                                     logprobs=0).choices[0].logprobs.token_logprobs


def ask(server, user=LEADER, **options):
    status, body, _ = server.call("/v1/chat/completions", {"model": "kith", "messages": QUESTION, "max_tokens": 4, **options},
                                  headers={"X-Kith-User": user})
    return status, json.loads(body)


def step(answer):
    return {item["technique"]: item for item in answer["kith"]["plan"]}["adapter"]


def test_an_adapter_is_loaded_used_replaced_and_unloaded(server, client):
    assert load(server, "guest", "spare")[:2] == (200, "Success: LoRA adapter 'guest' added successfully.")
    assert "guest" in {model.id for model in client.models.list()}
    spare = likelihood(client, "guest")
    assert spare != likelihood(client, "kith")
    assert load(server, "guest", "leadership")[0] == 409
    assert likelihood(client, "guest") == spare
    assert load(server, "guest", "leadership", load_inplace=True)[0] == 200
    assert likelihood(client, "guest") == likelihood(client, "leadership") != spare
    assert unload(server, "guest")[0] == 200
    status, body, _ = unload(server, "guest")
    assert status == 404 and json.loads(body)["error"]["param"] == "lora_name"
    # Any name that is no adapter's means the usual model.
    with pytest.raises(openai.NotFoundError, match="model_not_found"):
        likelihood(client, "guest")


@pytest.mark.parametrize("name, path, param", [
    ("kith", "spare", "lora_name"), ("builtin", "spare", "lora_name"), ("", "spare", "lora_name"),
    ("x" * 257, "spare", "lora_name"), ("a\x1b[31m", "spare", "lora_name"),
    ("new", "", "lora_path"), ("new", "..", "lora_path"), ("new", "../../etc", "lora_path"), ("new", "/etc", "lora_path"),
    ("new", "link", "lora_path"), ("new", "spare\0", "lora_path"), ("new", "spare\n", "lora_path"),
    ("new", "spoiled", "lora_path"), ("new", "absent", "lora_path")])
def test_hostile_orders_are_refused_by_name(server, directory, name, path, param):
    if not (directory / "link").is_symlink():
        (directory / "link").symlink_to(BUILTIN.resolve() / "new_hire")
    if not (directory / "spoiled").exists():
        spoil(directory, "spoiled")
    status, body, _ = load(server, name, path, load_inplace=True)
    error = json.loads(body)["error"]
    assert status == (404 if path == "absent" else 400) and error["param"] == param
    assert str(directory) not in body


def test_a_broken_replacement_costs_nobody_an_answer(server, client, directory):
    before = likelihood(client, "leadership")
    if not (directory / "spoiled").exists():
        spoil(directory, "spoiled")
    status, body, _ = load(server, "leadership", "spoiled", load_inplace=True)
    assert status == 400 and "finite" in body and "lora_" in body
    assert likelihood(client, "leadership") == before
    status, answer = ask(server)
    assert status == 200 and answer["kith"]["adapter"] == "leadership"


def test_personas_are_answered_while_their_adapter_is_away(server):
    assert ask(server)[1]["kith"]["adapter"] == "leadership"
    assert unload(server, "leadership")[0] == 200
    status, answer = ask(server)
    assert status == 200 and "adapter" not in answer["kith"]
    assert not step(answer)["used"] and "leadership" in step(answer)["reason"]
    assert "adapter" in [item["step"] for item in answer["kith"]["degraded"]]
    assert 'kith_degraded_total{reason="not found",step="adapter"}' in server.call("/metrics")[1]
    assert load(server, "leadership", "leadership")[0] == 200
    assert ask(server)[1]["kith"]["adapter"] == "leadership"


def test_answers_survive_an_operator_who_unloads_and_loads(server):
    with concurrent.futures.ThreadPoolExecutor(3) as pool:
        asked = [pool.submit(ask, server) for _ in range(30)]
        while not all(one.done() for one in asked):
            assert unload(server, "leadership")[0] == 200
            assert load(server, "leadership", "leadership")[0] == 200
    assert {one.result()[0] for one in asked} == {200}


def test_an_adapter_whose_files_went_away(directory, monkeypatch, tmp_path):
    monkeypatch.setenv("KITH_MODEL_ADAPTERS_MB", "1")
    own = tmp_path / "adapters"
    shutil.copytree(directory, own, symlinks=True, ignore=shutil.ignore_patterns("spoiled", "link"))
    running = Server("--adapters", str(own))
    try:
        assert ask(running)[1]["kith"]["adapter"] == "leadership"
        for name in ("spare", "field_worker", "admin_hr"):  # drive it out of memory
            assert ask(running, model=name)[0] == 200
        (own / "leadership").rename(tmp_path / "away")
        status, answer = ask(running)
        assert status == 200 and "adapter" not in answer["kith"] and "leadership" in step(answer)["reason"]
        status, answer = ask(running, model="leadership")
        assert status == 503 and str(tmp_path) not in json.dumps(answer)
        (tmp_path / "away").rename(own / "leadership")
        assert ask(running)[1]["kith"]["adapter"] == "leadership"
    finally:
        running.stop()
