"""What `kith persona export` writes, loaded by transformers and PEFT: the engine's log-probabilities, token by token."""
import json
import os
import pathlib
import shutil
import subprocess

import pytest

from conftest import Server, kith

BASE = pathlib.Path("models/builtin")
ADAPTER = BASE / "adapters/leadership"
PYTHON = os.environ.get("KITH_PEFT_PYTHON", "build/peft-venv/bin/python")
TEXT = ("Recall remains possible until 45 minutes after sending, through Sent, message, Recall, so act before the hour. "
        "停线一小时可以直接引用二十六万元，这一口径由财务负责维护。")


def has_peft():
    return shutil.which(PYTHON) and subprocess.run([PYTHON, "-c", "import peft, torch, transformers"],
                                                   capture_output=True).returncode == 0


pytestmark = pytest.mark.skipif(not has_peft(), reason="no Python with peft: scripts/peft_venv.sh makes one, KITH_PEFT_PYTHON names one")


class Float32Server(Server):
    """In f32, as the reference computes."""

    def __init__(self, **settings):
        changed = {"KITH_MODEL_DTYPE": "f32", **settings}
        os.environ.update(changed)
        try:
            super().__init__()
        finally:
            for name in changed:
                del os.environ[name]


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    """A version that was exported both ways."""
    out = tmp_path_factory.mktemp("export")
    data = str(out / "data")
    kith("persona", "register", "leadership", str(ADAPTER), "--data", data)
    kith("persona", "export", "leadership", "--version", "1", "--out", str(out / "peft"), "--data", data)
    kith("persona", "export", "leadership", "--version", "1", "--merged", "--out", str(out / "merged"), "--data", data)
    return out


@pytest.fixture(scope="module")
def token_ids():
    return json.loads(kith("model", "tokenize", TEXT, "--json")[1])["ids"]


@pytest.fixture(scope="module")
def by_peft(exported, token_ids):
    tokens = exported / "tokens.json"
    tokens.write_text(json.dumps(token_ids))
    done = subprocess.run([PYTHON, "tools/goldens/score_with_peft.py", str(BASE), str(tokens), str(exported / "peft"),
                           "--merged", str(exported / "merged")], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def by_engine(server, ids, model):
    status, body, _ = server.call("/v1/completions",
                                  {"model": model, "prompt": ids, "max_tokens": 0, "echo": True, "logprobs": 0})
    assert status == 200, body
    return json.loads(body)["choices"][0]["logprobs"]["token_logprobs"][1:]


def largest_difference(first, second):
    assert len(first) == len(second) > 30
    return max(abs(a - b) for a, b in zip(first, second))


def test_peft_loads_the_adapter_and_gives_the_engines_log_probabilities(by_peft, token_ids):
    server = Float32Server()
    try:
        base = by_engine(server, token_ids, "kith")
        adapted = by_engine(server, token_ids, "leadership")
    finally:
        server.stop()
    # So that the comparison means something.
    assert largest_difference(base, adapted) > 0.5
    differences = (largest_difference(base, by_peft["base"]), largest_difference(adapted, by_peft["adapter"]))
    print("base and adapter differ by at most", differences)
    assert max(differences) < 1e-4


def test_the_merged_model_stands_alone(by_peft, exported, token_ids):
    server = Float32Server(KITH_MODEL_DIR=str(exported / "merged"))
    try:
        merged = by_engine(server, token_ids, "kith")
    finally:
        server.stop()
    difference = largest_difference(merged, by_peft["merged"])
    # Its weights are rounded to bf16, the base's own type; those of base and adapter are not.
    rounding = largest_difference(by_peft["adapter"], by_peft["merged"])
    print("merged differs by at most", difference, "and from adapter on base by", rounding)
    assert difference < 1e-4 and rounding < 0.1
