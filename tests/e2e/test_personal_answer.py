"""The personal answer as an application sees it, through the official client."""
import json

import openai
import pytest

from conftest import Server, kith

QUESTION = "How many days do I have until an unanswered access approval expires?"


@pytest.fixture
def client(server):
    return openai.OpenAI(base_url=server.url + "/v1", api_key="none", max_retries=0)


def ask(client, user, text=QUESTION, **options):
    headers = {"X-Kith-User": user} if user else {}
    return client.chat.completions.create(model="kith", messages=[{"role": "user", "content": text}],
                                          extra_headers=headers, **options)


def users_by_persona(server):
    """One employee for each persona whose attributes leave no doubt."""
    found = {}
    for number in range(1, 120):
        status, body, _ = server.call(f"/v1/users/e{number:03d}/profile")
        assert status == 200, body
        profile = json.loads(body)
        persona = profile.get("persona", {})
        if persona:
            best = max(persona, key=persona.get) if all(isinstance(v, float) for v in persona.values()) else None
            if best and persona[best] > 0.9:
                found.setdefault(best, f"e{number:03d}")
    return found


def test_the_official_client_gets_an_answer_with_its_why(client):
    answer = ask(client, "e001")
    assert answer.choices[0].message.content.strip()
    assert answer.usage.prompt_tokens > 0 and answer.usage.completion_tokens > 0
    extra = answer.model_extra["kith"]
    assert extra["user"] == "e001" and extra["decision"]
    assert abs(sum(extra["persona"].values()) + extra["abstain"] - 1.0) < 1e-6
    assert extra["candidates"] and any(c["source"] == "extractive" for c in extra["candidates"])
    assert extra["passages"] and extra["passages"][0]["end"] > extra["passages"][0]["start"]


def test_passages_are_cited_with_offsets_into_the_document(server, client):
    passage = ask(client, "e001").model_extra["kith"]["passages"][0]
    status, body, _ = server.call("/v1/knowledge/" + passage["id"])
    assert status == 200
    document = json.loads(body)
    cited = document["text"].encode()[passage["start"]:passage["end"]].decode()
    assert cited.strip()


def test_streaming_ends_properly_and_carries_the_kith_object(client):
    chunks = list(ask(client, "e002", stream=True, stream_options={"include_usage": True}))
    text = "".join(c.choices[0].delta.content or "" for c in chunks if c.choices)
    assert text.strip()
    assert [c.choices[0].finish_reason for c in chunks if c.choices and c.choices[0].finish_reason]
    assert any(c.usage for c in chunks)
    assert any((c.model_extra or {}).get("kith") for c in chunks)
    assert len({c.id for c in chunks}) == 1


def test_two_people_are_answered_differently(server, client):
    answers = {}
    for number in range(1, 31):
        # The same words, so that the difference is the person's; the router would look at the words.
        extra = ask(client, f"e{number:03d}", max_tokens=160, extra_body={"kith": {"plan": {"router": False}}})
        persona = extra.model_extra["kith"]["persona"]
        best = max(persona, key=persona.get)
        if persona[best] > 0.8:
            answers.setdefault(best, (extra.choices[0].message.content, extra.model_extra["kith"].get("adapter")))
    assert len(answers) >= 3
    assert len({adapter for _, adapter in answers.values()}) == len(answers)
    assert len({text for text, _ in answers.values()}) >= 2


def test_an_unknown_user_gets_a_plain_answer(client):
    answer = ask(client, None)
    assert answer.choices[0].message.content.strip()
    assert "adapter" not in answer.model_extra["kith"]


def test_a_resent_history_is_stored_once(server, client):
    user = {"role": "user", "content": "My badge printer prints blank pages, zebrafinch."}
    first = client.chat.completions.create(model="kith", messages=[user], extra_headers={"X-Kith-User": "e010"}, max_tokens=30)
    history = [user, {"role": "assistant", "content": first.choices[0].message.content}, {"role": "user", "content": "And in colour?"}]
    for _ in range(2):
        client.chat.completions.create(model="kith", messages=history, extra_headers={"X-Kith-User": "e010"}, max_tokens=30)
    _, body, _ = server.call("/v1/users/e010/export")
    assert body.count("zebrafinch") >= 1
    turns = [t["text"] for c in json.loads(body)["conversations"] for t in c["turns"]]
    assert sum("zebrafinch" in t for t in turns) == 1


def test_feedback_says_what_it_was_applied_to_and_counts_once(server, client):
    decision = ask(client, "e003").model_extra["kith"]["decision"]
    body = {"decision": decision, "user": "e003", "signals": [{"kind": "thumb", "value": 1}], "key": "k1"}
    for _ in range(2):
        status, answer, _ = server.call("/v1/feedback", body)
        assert status == 200, answer
        assert json.loads(answer)["applied_to"] == [decision]
    _, export, _ = server.call("/v1/users/e003/export")
    assert len([f for f in json.loads(export)["feedback"] if f["kind"] == "thumb"]) == 1


def test_a_decision_explains_itself(server, client):
    decision = ask(client, "e004").model_extra["kith"]["decision"]
    status, body, _ = server.call("/v1/decisions/" + decision)
    assert status == 200 and decision in body


def test_the_own_engine_refuses_tools_by_name(client):
    with pytest.raises(openai.BadRequestError) as error:
        ask(client, "e001", tools=[{"type": "function", "function": {"name": "f", "parameters": {}}}])
    assert "tools" in str(error.value)


def test_bad_input_gets_a_clear_error(server):
    for body, wanted in [("{", "json"), ('{"model":"kith"}', "messages"), ('{"model":"kith","messages":[]}', "messages"),
                         ('{"model":"kith","messages":[{"role":"user","content":"x"}],"temperature":9}', "temperature")]:
        status, answer, _ = server.call("/v1/chat/completions", body)
        assert status == 400, answer
        error = json.loads(answer)["error"]
        assert set(error) == {"message", "type", "param", "code"}
        assert wanted in (error["message"] + str(error["param"])).lower()


def test_too_long_a_prompt_is_refused_with_the_limit(client):
    with pytest.raises(openai.BadRequestError) as error:
        ask(client, None, "word " * 20000)
    assert "token" in str(error.value).lower() or "context" in str(error.value).lower()


def test_a_command_goes_through_the_server_that_holds_the_directory(server, tmp_path):
    users = tmp_path / "users.jsonl"
    users.write_text('{"id":"new1","attributes":{"grade":"intern"}}\nnot json\n{"id":"new2"}\n')
    status, out, err = kith("import", "users", str(users), "--data", server.directory, "--json", check=False)
    report = json.loads(out)
    assert status == 1 and report["added"] == 2 and report["failed"] == 1
    assert report["bad_lines"][0]["line"] == 2
    status, out, _ = kith("user", "show", "new1", "--data", server.directory)
    assert "intern" in out


def test_a_second_server_on_the_directory_is_refused(server):
    status, _, err = kith("serve", "--data", server.directory, "--port", "0", check=False)
    assert status == 1 and server.directory in err or "held" in err or "process" in err


def test_erasing_leaves_no_byte(tmp_path):
    running = Server(data=str(tmp_path / "data"))
    try:
        words = ["quokkasnout", "紫色海马体"]
        client = openai.OpenAI(base_url=running.url + "/v1", api_key="none", max_retries=0)
        status, _, _ = running.call("/v1/users/planted", {"attributes": {"nickname": words[0]}}, method="PUT")
        assert status in (200, 201)
        answer = ask(client, "planted", f"My {words[0]} does not print {words[1]}.", max_tokens=20)
        running.call("/v1/feedback", {"decision": answer.model_extra["kith"]["decision"], "user": "planted",
                                      "signals": [{"kind": "reply", "text": words[0]}]})
        status, export, _ = running.call("/v1/users/planted/export")
        assert all(word in export for word in words)
        status, receipt, _ = running.call("/v1/users/planted", method="DELETE")
        assert status == 200 and json.loads(receipt)["total"] > 0
        _, out, _ = kith("user", "export", "planted", "--data", running.directory, check=False)
        assert words[0] not in out
    finally:
        running.stop()
    for file in (tmp_path / "data").rglob("*"):
        if file.is_file():
            content = file.read_bytes()
            for word in words + ["planted"]:
                assert word.encode() not in content, f"{word} in {file}"


def test_a_kill_loses_no_acknowledged_write(tmp_path):
    running = Server(data=str(tmp_path / "data"))
    client = openai.OpenAI(base_url=running.url + "/v1", api_key="none", max_retries=0)
    decision = ask(client, "e005", max_tokens=20).model_extra["kith"]["decision"]
    assert running.call("/v1/feedback", {"decision": decision, "user": "e005", "signals": [{"kind": "thumb", "value": -1}]})[0] == 200
    running.process.kill()
    running.process.wait()
    again = Server(data=str(tmp_path / "data"))
    try:
        _, export, _ = again.call("/v1/users/e005/export")
        assert decision in export and '"thumb"' in export
    finally:
        again.stop()
