"""Versions of a persona's adapter: registered, promoted and rolled back while a server answers."""
import concurrent.futures
import json
import pathlib
import shutil

import pytest

from conftest import Server, kith

ADAPTER = pathlib.Path("models/builtin/adapters/leadership")
# An employee of the demo whose persona is leadership.
LEADER = "e001"
QUESTION = [{"role": "user", "content": "Who decides on the new laptops?"}]


def scaled(directory, factor):
    """The shipped adapter with its update multiplied."""
    shutil.copytree(ADAPTER, directory)
    path = directory / "adapter_config.json"
    config = json.loads(path.read_text())
    config["lora_alpha"] *= factor
    path.write_text(json.dumps(config))
    return str(directory)


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """A demo with two registered versions, whose gate has not been run."""
    first = Server()
    first.stop()
    for number, factor in enumerate((0.5, 0.25), 1):
        source = scaled(tmp_path_factory.mktemp("peft") / f"v{number}", factor)
        kith("persona", "register", "leadership", source, "--data", first.directory, "--reason", f"try {number}")
    running = Server(data=first.directory)
    yield running
    running.stop()


def versions(server):
    return json.loads(kith("persona", "versions", "leadership", "--data", server.directory, "--json")[1])


def change(server, *arguments, check=True):
    return kith("persona", *arguments, "--data", server.directory, "--json", check=check)


def ask(server):
    """By the persona's own adapter, whatever the prompt speaks of."""
    status, body, _ = server.call(
        "/v1/chat/completions",
        {"model": "kith", "messages": QUESTION, "max_tokens": 4, "kith": {"plan": {"router": False}}},
        headers={"X-Kith-User": LEADER})
    assert status == 200, body
    return json.loads(body)["kith"]


def pass_gate(server, version):
    status, body, _ = server.call("/v1/personas/leadership/gate",
                                  {"version": version, "passed": True, "document": {"checks": []}})
    assert status == 200, body


def test_what_has_not_passed_its_gate_serves_nobody(server):
    assert [row["status"] for row in versions(server)["versions"]] == ["candidate", "candidate"]
    status, _, error = change(server, "promote", "leadership", "1", "--yes", check=False)
    assert status == 1 and "evaluated" in error
    assert "adapter_version" not in ask(server)
    status, _, error = change(server, "promote", "leadership", "1", check=False)
    assert status == 1 and "--yes" in error


def test_promotion_and_rollback_hold_at_once_and_after_a_restart(server):
    for version in (1, 2):
        pass_gate(server, version)
        change(server, "promote", "leadership", str(version), "--yes", "--reason", "better")
        assert ask(server)["adapter_version"] == version
    decision = ask(server)["decision"]
    assert json.loads(server.call(f"/v1/decisions/{decision}")[1])["adapter_version"] == 2
    again = json.loads(change(server, "rollback", "leadership", "--reason", "worse")[1])
    assert (again["version"], again["status"]) == (1, "serving")
    assert ask(server)["adapter_version"] == 1
    document = versions(server)
    assert document["serving"] == 1
    assert {row["version"]: row["status"] for row in document["versions"]} == {1: "serving", 2: "withdrawn"}
    assert document["history"][0]["reason"] == "worse"
    server.stop()
    restarted = Server(data=server.directory)
    try:
        assert ask(restarted)["adapter_version"] == 1
    finally:
        restarted.stop()
    server.__init__(data=server.directory)


def test_requests_meanwhile_get_one_version_or_the_other(server):
    pass_gate(server, 2)
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        answers = [pool.submit(ask, server) for _ in range(24)]
        for _ in range(3):
            for version in (2, 1):
                status, body, _ = server.call("/v1/personas/leadership/promote", {"version": version})
                assert status == 200, body
        assert {answer.result()["adapter_version"] for answer in answers} <= {1, 2}


def test_an_export_is_a_peft_directory_and_a_merged_one_a_checkpoint(server, tmp_path):
    change(server, "export", "leadership", "--version", "1", "--out", str(tmp_path / "peft"))
    assert json.loads((tmp_path / "peft/adapter_config.json").read_text())["peft_type"] == "LORA"
    change(server, "export", "leadership", "--version", "1", "--merged", "--out", str(tmp_path / "merged"))
    report = json.loads(kith("model", "info", str(tmp_path / "merged"), "--json")[1])
    assert report["layers"] > 0
