"""`kith bench` as a user starts it: every scenario once on a tiny checkpoint, in its JSON form."""
import json

import pytest

from conftest import kith


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    return tmp_path_factory.mktemp("bench")


def bench(cache, scenario, *arguments):
    _, out, _ = kith("bench", scenario, "--cache", str(cache), "--threads", "1", "--json",
                     "--log-level", "error", *arguments)
    report = json.loads(out)
    assert report["scenario"] == scenario
    assert report["machine"]["cpu"] and report["machine"]["cores"] >= 1
    assert report["results"]
    return report


SHORT = ("--shape", "tiny", "--rounds", "1", "--steps", "2", "--context", "16")


@pytest.mark.parametrize("scenario, arguments, members", [
    ("decode", ("--batch", "1,3"), ("tokens_per_second", "weight_bytes_per_second", "read_bandwidth", "ratio")),
    ("prefill", ("--length", "32"), ("tokens_per_second", "ratio", "matmul_ratio")),
    ("matmul", ("--batch", "1,4"), ("tokens_per_second", "operations_per_second")),
    ("memory", (), ("resident_bytes", "weight_bytes", "kv_bytes", "ratio")),
    ("adapters", ("--users", "3", "--adapters", "0,2", "--registered", "5"), ("adapters", "tokens_per_second", "ratio")),
    ("inputs", ("--users", "2", "--adapters", "2"), ("soft_rows", "ratio")),
    ("constrained", ("--batch", "2"), ("free_tokens_per_second", "ratio")),
    ("sharing", (), ("candidates_ratio", "prefix_ratio")),
])
def test_a_shape_needs_no_download(cache, scenario, arguments, members):
    report = bench(cache, scenario, *SHORT, *arguments)
    assert report["shape"] == "tiny" and report["dtype"] == "int8"
    for row in report["results"]:
        assert all(member in row for member in members)


def test_a_server_is_ready_soon(cache):
    (row,) = bench(cache, "startup", "--rounds", "1")["results"]
    assert row["starts"] == 1
    assert 0 < row["ready_seconds"] <= row["worst_seconds"] < 30


def test_two_models_are_refused(cache):
    status, _, error = kith("bench", "decode", "--shape", "tiny", "--model", "somewhere", check=False)
    assert status == 1
    assert "--shape and --model name two models" in error


def test_an_unknown_shape_is_a_usage_error():
    status, _, _ = kith("bench", "decode", "--shape", "7b", check=False)
    assert status == 2
