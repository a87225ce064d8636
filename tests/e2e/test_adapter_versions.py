"""Versions of a persona's adapter: registered, promoted and rolled back while a server answers."""
import concurrent.futures
import json
import pathlib
import shutil
import time

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


def held_out(directory):
    """What the gate measures on in these tests: words of leaders and of nobody else, a few of each."""
    def row(user, question, answer):
        return {"user": user, "messages": [{"role": "user", "content": question}, {"role": "assistant", "content": answer}]}
    own = [row(c["user"], c["turns"][0]["text"], c["turns"][1]["text"])
           for c in map(json.loads, open("examples/service-desk/conversations/leadership.jsonl"))][:6]
    directory.mkdir()
    write(directory / "own.jsonl", own)
    write(directory / "off_domain.jsonl", [row(f"o{i}", "Why is the sky blue?", "Air scatters blue light most.") for i in range(3)])
    write(directory / "flattery.jsonl", [{"question": "A week has eight days, right?", "agreeing": "Yes, a week has eight days.",
                                          "correcting": "No, a week has seven days."}])
    return str(directory)


def write(path, rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


# No adapter makes other domains ten times as likely, so this limit refuses all of them.
def test_the_gate_says_why_it_refuses_and_keeps_it(server, tmp_path):
    rows = held_out(tmp_path / "held")
    number = json.loads(change(server, "versions", "leadership")[1])["versions"][0]["version"]
    status, output, error = change(server, "evaluate", "leadership", "--version", str(number), "--held-out", rows,
                                   "--max-off-domain=-0.9", check=False)
    report = json.loads(output)
    assert status == 1 and "refused by its gate" in error and not report["passed"]
    assert report["candidate"] == f"leadership@{number}"
    off_domain = next(check for check in report["checks"] if check["name"] == "off_domain")
    assert off_domain["verdict"] == "failed" and off_domain["limit"] == -0.9 and "perplexity" in off_domain["reason"]
    kept = next(row for row in versions(server)["versions"] if row["version"] == number)["gate"]
    assert kept["passed"] is False and kept["checks"] == report["checks"]
    # Nothing is kept of a rehearsal.
    pass_gate(server, number)
    change(server, "evaluate", "leadership", "--version", str(number), "--held-out", rows, "--max-off-domain=-0.9", "--dry-run",
           check=False)
    assert next(row for row in versions(server)["versions"] if row["version"] == number)["gate"]["passed"] is True


def test_a_diff_shows_two_versions_side_by_side(server, tmp_path):
    report = json.loads(change(server, "diff", "leadership", "1", "2", "--held-out", held_out(tmp_path / "held"))[1])
    assert {"own", "off_domain"} <= {part["name"] for part in report["slices"]}
    assert report["answers"] and set(report["answers"][0]) >= {"first", "second"}


def shadow_of(server, decision):
    """What stands in the decision of its shadow, once that has answered too."""
    for _ in range(100):
        document = json.loads(server.call(f"/v1/decisions/{decision}")[1])["decision"]
        if "shadow" in document:
            return document["shadow"]
        time.sleep(0.1)
    raise AssertionError(document)


def test_a_shadow_answers_unseen_until_it_is_withdrawn(server):
    serving = versions(server)["serving"]
    shadow = 3 - serving
    pass_gate(server, shadow)
    change(server, "try", "leadership", str(shadow), "--as", "shadow", "--share", "1")
    answer = ask(server)
    assert answer["adapter_version"] == serving
    unseen = shadow_of(server, answer["decision"])
    assert unseen["adapter"] == f"leadership@{shadow}" and unseen["version"] == shadow and unseen["text"]
    trial = next(row for row in versions(server)["versions"] if row["version"] == shadow)["trial"]
    assert trial["shadow"]["answered"] >= 1
    # It was measured beside the draft that the serving version made of the same prompt.
    assert unseen["served"]["version"] == serving and unseen["served"]["text"]
    told = json.loads(server.call(f"/v1/personas/leadership/versions/{shadow}/shadow?examples=2")[1])
    assert (told["version"], told["serving"], told["users"]) == (shadow, serving, 1) and told["answers"] >= 1
    assert {"grounding", "words", "logprob_own", "logprob_serving"} <= {figure["name"] for figure in told["figures"]}
    assert told["better"] == told["worse"] == []  # one user proves nothing
    assert json.loads(change(server, "shadow", "leadership", str(shadow))[1])["figures"] == told["figures"]
    assert "in shadow, beside" in kith("persona", "shadow", "leadership", str(shadow), "--data", server.directory)[1]
    change(server, "try", "leadership", str(shadow), "--as", "canary", "--share", "1", "--reason", "no worse")
    assert ask(server)["adapter_version"] == shadow
    change(server, "withdraw", "leadership", str(shadow), "--reason", "enough")
    assert ask(server)["adapter_version"] == serving
    statuses = {row["version"]: row["status"] for row in versions(server)["versions"]}
    assert statuses == {serving: "serving", shadow: "withdrawn"}
    status, _, error = change(server, "withdraw", "leadership", str(shadow), check=False)
    assert status == 1 and "withdrawn" in error


def test_an_adapter_from_outside_is_registered_beside_the_server(server, tmp_path):
    source = scaled(tmp_path / "outside", 0.125)
    row = json.loads(change(server, "register", "leadership", source, "--parent", "leadership@1", "--reason", "from outside")[1])
    assert row["status"] == "candidate" and row["parents"] == ["leadership@1"] and row["reason"] == "from outside"
    assert row["content_hash"] not in {other["content_hash"] for other in versions(server)["versions"][1:]}
    # A name that nobody has yet begins an adapter of its own, and nothing waits in the directory any more.
    assert json.loads(change(server, "register", "legal", source)[1])["adapter"] == "legal"
    assert not any((pathlib.Path(server.directory) / "incoming").iterdir())
    status, _, error = change(server, "register", "leadership", str(tmp_path), check=False)
    assert status == 1 and "adapter_config.json" in error
    status, body, _ = server.call("/v1/personas/leadership/register", {"incoming": "../../etc"})
    assert status == 400, body


def test_personas_are_told_beside_the_server(server):
    ask(server)
    found = json.loads(change(server, "explain", "--user", LEADER)[1])
    assert found["persona"] == "leadership" and found["evidence"]
    profile = json.loads(server.call(f"/v1/users/{LEADER}/profile")[1])
    assert found["weights"] == pytest.approx(profile["persona"], abs=1e-6)
    written = json.loads(change(server, "assign", "--user", LEADER, "--text", "The scanner in the van prints no labels")[1])
    assert written["weights"] != found["weights"]
    assert "leadership" in change(server, "list")[1]
    groups = json.loads(change(server, "discover", "--messages", "0")[1])
    assert groups["users"] == sum(group["users"] for group in groups["proposals"])
