"""The prompt chooses the persona that answers: over HTTP, as a stream, and on the command line."""
import json

import openai
import pytest

from conftest import kith

BOARD = "What is the impact of the outage on the Rotterdam plant, what does it cost us and who owns the risk?"
TABLET = "tablet wont sync no signal at site, customer waiting, need it working now"
TWO_PARTS = f"{BOARD}\n\nAlso, {TABLET}"
STRANGE = "What was the Peace of Westphalia about?"


@pytest.fixture
def client(server):
    return openai.OpenAI(base_url=server.url + "/v1", api_key="none", max_retries=0)


def ask(client, text, user="e001", **options):
    return client.chat.completions.create(model="kith", messages=[{"role": "user", "content": text}],
                                          extra_headers={"X-Kith-User": user}, **options)


def kith_of(answer):
    return answer.model_extra["kith"]


def test_a_two_part_prompt_has_an_adapter_for_each_part(client):
    answer = ask(client, TWO_PARTS)
    extra = kith_of(answer)
    route = extra["route"]
    assert route["kind"] == "parts" and route["split"] >= route["split_threshold"]
    assert [part["persona"] for part in route["parts"]] == ["leadership", "field_worker"]
    assert [list(part["adapters"]) for part in route["parts"]] == [["leadership"], ["field_worker"]]
    assert set(extra["adapters"]) == {"leadership", "field_worker"}
    topics = route["parts"][1]["topics"]
    assert max(topics, key=topics.get) == "devices"
    prompt = TWO_PARTS.encode()
    first, second = (prompt[part["start"]:part["end"]].decode() for part in route["parts"])
    assert first == BOARD and second == TABLET
    assert "\n\n" in answer.choices[0].message.content
    assert answer.usage.completion_tokens > 0


def test_a_stream_of_two_parts_is_the_whole_answer(client):
    options = {"temperature": 0, "seed": 3, "extra_body": {"store": False, "kith": {"candidates": 1}}}
    whole = ask(client, TWO_PARTS, **options)
    chunks = list(ask(client, TWO_PARTS, stream=True, stream_options={"include_usage": True}, **options))
    text = "".join(c.choices[0].delta.content or "" for c in chunks if c.choices)
    assert text == whole.choices[0].message.content
    assert chunks[-1].usage.completion_tokens == whole.usage.completion_tokens
    assert kith_of(chunks[0])["route"]["kind"] == "parts"


def test_the_prompt_outweighs_the_profile_and_the_decision_says_so(server, client):
    extra = kith_of(ask(client, TABLET))
    assert extra["assigned_persona"] == "leadership"
    assert extra["adapter"] == "field_worker"
    assert extra["route"]["scores"]["field_worker"] >= extra["route"]["threshold"]
    status, body, _ = server.call("/v1/decisions/" + extra["decision"], headers={"X-Kith-User": "e001"})
    assert status == 200 and '"route"' in body


def test_out_of_scope_goes_to_the_base_model(client):
    extra = kith_of(ask(client, STRANGE))
    assert extra["route"]["kind"] == "base"
    assert extra["route"]["out_of_scope"] > extra["route"]["out_of_scope_threshold"]
    assert "adapter" not in extra


def test_switched_off_the_personas_own_adapter_answers(client):
    extra = kith_of(ask(client, TABLET, extra_body={"kith": {"plan": {"router": False}}}))
    assert "route" not in extra and extra["adapter"] == "leadership"
    step = next(step for step in extra["plan"] if step["technique"] == "router")
    assert not step["used"]


def test_an_adapter_that_the_request_names_wins(client):
    answer = client.chat.completions.create(model="admin_hr", messages=[{"role": "user", "content": TABLET}],
                                            extra_headers={"X-Kith-User": "e001"})
    assert kith_of(answer)["adapter"] == "admin_hr" and "route" not in kith_of(answer)


def test_nobody_without_a_name_is_routed(client):
    answer = client.chat.completions.create(model="kith", messages=[{"role": "user", "content": TABLET}])
    assert "route" not in kith_of(answer) and "adapter" not in kith_of(answer)


def test_the_command_shows_segments_scores_and_decision(server):
    _, out, _ = kith("route", TWO_PARTS, "--user", "e001", "--data", server.directory, "--json")
    route = json.loads(out)
    assert route["decision"] == "parts" and len(route["segments"]) >= 2 and len(route["parts"]) == 2
    assert abs(sum(route["scores"].values()) - 1.0) < 1e-6 and "profile" in route
    _, out, _ = kith("route", STRANGE, "--data", server.directory)
    assert "base" in out and "out of scope" in out
    status, _, error = kith("route", STRANGE, "--data", server.directory + "-none", check=False)
    assert status == 1 and "router" in error
