"""kith model info, verify, quantize, merge and tokenize on the built-in model."""
import json
import pathlib
import shutil
import subprocess

import pytest

from conftest import KITH

BUILTIN = pathlib.Path("models/builtin")


def model(*arguments, status=0, text=None):
    """The JSON that a command printed, or its error."""
    done = subprocess.run([KITH, "model", *map(str, arguments), "--json"], input=text, capture_output=True,
                          text=True, timeout=600)
    assert done.returncode == status, done.stdout + done.stderr
    if status:
        return done.stderr
    values = [json.loads(line) for line in done.stdout.splitlines()]
    return values[0] if len(values) == 1 else values


@pytest.fixture(scope="module")
def quantized(tmp_path_factory):
    target = tmp_path_factory.mktemp("models") / "int8"
    report = model("quantize", target, "--model", BUILTIN)
    assert report["bytes"] < 0.62 * report["source_bytes"]
    return target


def test_info_tells_what_the_model_is():
    info = model("info", BUILTIN)
    assert info["architecture"] == "LlamaForCausalLM"
    assert info["context"] == 4096 and info["tokens"] == info["vocabulary"]
    assert info["values"] == {"BF16": info["parameters"]}
    assert [adapter["name"] for adapter in info["adapters"]] == sorted(
        path.name for path in (BUILTIN / "adapters").iterdir())
    assert all(adapter["rank"] > 0 for adapter in info["adapters"])


def test_the_built_in_model_passes_in_bf16_and_int8():
    report = model("verify", BUILTIN)
    assert report["ok"] and not report["problems"]
    assert "I8" in [comparison["weights"] for comparison in report["comparisons"]]


def test_a_quantised_model_passes_against_its_source(quantized):
    info = model("info", quantized)
    assert info["quantized"] and len(info["adapters"]) == 6
    report = model("verify", quantized, "--against", BUILTIN)
    assert report["ok"] and [c["weights"] for c in report["comparisons"]] == ["I8"]


def test_a_broken_model_fails(quantized, tmp_path):
    broken = tmp_path / "broken"
    shutil.copytree(quantized, broken)
    weights = broken / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1000])
    assert "model.safetensors" in model("verify", broken, status=1)
    assert "config.json" in model("verify", tmp_path, status=1)
    # Above what is allowed.
    assert "did not pass" in model("verify", BUILTIN, "--min-same-top", "1.01", status=1)


def test_nothing_is_replaced_unless_told_to(quantized, tmp_path):
    assert "--force" in model("quantize", quantized, "--model", BUILTIN, status=1)
    model("quantize", quantized, "--model", BUILTIN, "--force")
    (tmp_path / "letters").mkdir()
    (tmp_path / "letters/mine.txt").write_text("dear")
    assert "config.json" in model("quantize", tmp_path / "letters", "--model", BUILTIN, "--force", status=1)
    assert (tmp_path / "letters/mine.txt").exists()


def test_a_merged_adapter_is_a_model_of_its_own(tmp_path):
    adapter = next((BUILTIN / "adapters").iterdir())
    for kind in ("f32", "bf16"):
        target = tmp_path / kind
        model("merge", adapter, target, "--model", BUILTIN, "--type", kind)
        info = model("info", target)
        assert info["values"] == {kind.upper(): info["parameters"]} and info["tied_head"]
        assert model("verify", target)["ok"]
    # It is another model than its base.
    assert "did not pass" in model("verify", target, "--against", BUILTIN, "--min-same-top", "0.999", status=1)


def test_tokenize_reads_a_text_or_many(tmp_path):
    one = model("tokenize", "the printer 打印机", "--model", BUILTIN)
    assert len(one["ids"]) == len(one["pieces"]) > 2
    lines = json.dumps("the printer 打印机") + "\n" + json.dumps("\u0000\n") + "\n"
    ids, controls = model("tokenize", "--file", "-", "--model", BUILTIN, text=lines)
    assert ids == one["ids"] and controls
    assert "line 1" in model("tokenize", "--file", "-", "--model", BUILTIN, status=1, text="no json\n")
