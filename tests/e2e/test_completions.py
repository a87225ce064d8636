"""Plain completions and adapters by name, through the official client."""
import base64
import json
import math
import pathlib
import socket
import struct
import time

import openai
import pytest

PROMPT = "The vault needs form"
ADAPTERS = {path.name for path in pathlib.Path("models/builtin/adapters").iterdir()}


@pytest.fixture
def client(server):
    return openai.OpenAI(base_url=server.url + "/v1", api_key="none", max_retries=0)


def complete(client, prompt=PROMPT, **options):
    return client.completions.create(model="kith", prompt=prompt, **options)


def test_a_text_is_gone_on_with(client):
    answer = complete(client, max_tokens=12, temperature=0)
    assert answer.object == "text_completion" and answer.id.startswith("cmpl-")
    assert answer.choices[0].text and not answer.choices[0].text.startswith(PROMPT)
    assert answer.choices[0].finish_reason in ("stop", "length")
    assert 1 <= answer.usage.completion_tokens <= 12
    assert answer.usage.total_tokens == answer.usage.prompt_tokens + answer.usage.completion_tokens
    assert not (answer.model_extra or {}).get("kith")


def test_a_stream_is_the_whole(client):
    options = dict(prompt=[PROMPT, "Another text"], max_tokens=20, n=2, seed=5, echo=True, logprobs=2, stop=["."])
    whole = complete(client, **options)
    texts, tokens, ends, usage = {}, {}, {}, None
    for chunk in complete(client, stream=True, stream_options={"include_usage": True}, **options):
        usage = chunk.usage or usage
        for choice in chunk.choices:
            texts[choice.index] = texts.get(choice.index, "") + choice.text
            if choice.logprobs:
                tokens.setdefault(choice.index, []).extend(choice.logprobs.tokens)
            ends[choice.index] = choice.finish_reason or ends.get(choice.index)
    assert len(whole.choices) == 4
    for choice in whole.choices:
        assert texts[choice.index] == choice.text
        assert tokens[choice.index] == choice.logprobs.tokens
        assert ends[choice.index] == choice.finish_reason
    assert usage.completion_tokens == whole.usage.completion_tokens


def test_logprobs_have_the_old_shape(client):
    choice = complete(client, max_tokens=6, temperature=0, logprobs=3, echo=True).choices[0]
    logprobs = choice.logprobs
    assert len(logprobs.tokens) == len(logprobs.token_logprobs) == len(logprobs.top_logprobs) == len(logprobs.text_offset)
    assert logprobs.token_logprobs[0] is None and logprobs.top_logprobs[0] is None
    assert all(value <= 0 for value in logprobs.token_logprobs[1:])
    for token, offset in zip(logprobs.tokens, logprobs.text_offset):
        assert choice.text[offset:offset + len(token)] == token
    # Greedy words are the likeliest in their place.
    assert all(max(top.values()) == pytest.approx(value) for top, value in list(zip(logprobs.top_logprobs, logprobs.token_logprobs))[-3:])


def test_a_text_can_be_scored_without_writing(client):
    answer = complete(client, max_tokens=0, echo=True, logprobs=1)
    assert answer.choices[0].text == PROMPT
    assert answer.usage.completion_tokens == 0
    assert sum(answer.choices[0].logprobs.token_logprobs[1:]) < 0


def test_tokens_are_a_prompt(client):
    echoed = complete(client, prompt=[40, 41, 42], max_tokens=1, echo=True, temperature=0)
    assert echoed.usage.prompt_tokens == 3 and echoed.choices[0].text
    lists = complete(client, prompt=[[40, 41], [42]], max_tokens=1)
    assert len(lists.choices) == 2 and lists.usage.prompt_tokens == 3


def test_a_seed_repeats_and_a_bias_forbids(client):
    drawn = [complete(client, max_tokens=8, seed=11, temperature=1.2).choices[0].text for _ in range(2)]
    assert drawn[0] == drawn[1]
    greedy = complete(client, prompt=[40, 41, 42], max_tokens=1, temperature=0, logprobs=0)
    token = greedy.choices[0].logprobs.tokens[0]
    for forbidden in range(0, 20_000, 300):
        bias = {str(i): -100 for i in range(forbidden, forbidden + 300)}
        again = complete(client, prompt=[40, 41, 42], max_tokens=1, temperature=0, logit_bias=bias)
        if again.choices[0].text != greedy.choices[0].text:
            return
    raise AssertionError(f"no bias kept {token!r} away")


def test_best_of_and_a_list_of_texts(client):
    assert len(complete(client, n=1, best_of=3, max_tokens=4, seed=1).choices) == 1
    answer = complete(client, extra_body={"guided_choice": ["yes", "no"]}, temperature=1)
    assert answer.choices[0].text in ("yes", "no")


@pytest.mark.parametrize("wrong, param", [
    ({"suffix": "end"}, "suffix"), ({"n": 3, "best_of": 2}, "best_of"), ({"logprobs": 6}, "logprobs"),
    ({"extra_body": {"kith": {"style": {"tone": "dry"}}}}, "kith.style"), ({"prompt": []}, "prompt"),
    ({"prompt": ["fine", ""]}, "prompt"), ({"prompt": [10**8]}, "prompt"), ({"extra_body": {"min_tokens": 3}}, "min_tokens")])
def test_what_is_wrong_is_named(client, wrong, param):
    with pytest.raises(openai.BadRequestError) as refused:
        complete(client, **wrong)
    assert refused.value.param == param
    assert set(refused.value.body) == {"message", "type", "param", "code"}


def test_nothing_of_it_is_kept(server, client):
    client.completions.create(model="kith", prompt="zebra quartz", max_tokens=4, user="e003", extra_headers={"X-Kith-User": "e003"})
    status, body, _ = server.call("/v1/users/e003/export")
    assert status == 200 and "zebra" not in body


def test_adapters_are_listed_and_named(server, client):
    listed = {model.id for model in client.models.list()}
    assert ADAPTERS and ADAPTERS <= listed
    status, body, _ = server.call("/lora-adapters")
    entries = json.loads(body)
    assert status == 200 and {entry["name"] for entry in entries} == ADAPTERS
    assert [entry["id"] for entry in entries] == sorted(entry["id"] for entry in entries)
    question = [{"role": "user", "content": "What do I need for the vault?"}]
    name = sorted(ADAPTERS)[0]
    chat = client.chat.completions.create(model=name, messages=question, max_tokens=8)
    assert chat.model == name and chat.model_extra["kith"]["adapter"] == name
    steps = {step["technique"]: step for step in chat.model_extra["kith"]["plan"]}
    assert steps["adapter"]["used"] and steps["adapter"]["reason"] == "named by the request"
    assert client.completions.create(model=name, prompt=PROMPT, max_tokens=4).model == name


def test_blends_by_number(server, client):
    entries = json.loads(server.call("/lora-adapters")[1])
    two = [{"id": entries[0]["id"], "scale": 0.5}, {"id": entries[1]["id"], "scale": 0.5}]
    question = [{"role": "user", "content": "What do I need for the vault?"}]
    chat = client.chat.completions.create(model="kith", messages=question, max_tokens=8, extra_body={"lora": two})
    assert chat.model_extra["kith"]["adapters"] == {entries[0]["name"]: 0.5, entries[1]["name"]: 0.5}
    logprob = lambda lora: complete(client, max_tokens=1, temperature=0, logprobs=1, extra_body={"lora": lora}).choices[0].logprobs.top_logprobs[0]
    assert logprob(two) != logprob([])
    for lora, param in ((two + [{"id": entries[2]["id"], "scale": 0.1}], "lora"), ([{"id": 999, "scale": 1}], "lora[0].id"), ([{"id": 0}], "lora[0].scale")):
        with pytest.raises(openai.BadRequestError) as refused:
            complete(client, extra_body={"lora": lora})
        assert refused.value.param == param


def soft_prompt(rows, width, kind="f32", value=0.01):
    letter = {"f32": "f", "f16": "e"}[kind]
    data = struct.pack(f"<{rows * width}{letter}", *([value] * (rows * width)))
    return {"dtype": kind, "shape": [rows, width], "data": base64.b64encode(data).decode()}


def safetensors(rows, width):
    data = struct.pack(f"<{rows * width}f", *([0.01] * (rows * width)))
    header = json.dumps({"rows": {"dtype": "F32", "shape": [rows, width], "data_offsets": [0, len(data)]}}).encode()
    return {"safetensors": base64.b64encode(struct.pack("<Q", len(header)) + header + data).decode()}


def test_rows_of_embeddings_stand_before_the_prompt(client):
    width = json.loads(pathlib.Path("models/builtin/config.json").read_text())["hidden_size"]
    plain = complete(client, max_tokens=1, temperature=0, logprobs=1)
    answers = {}
    for name, rows in (("f32", soft_prompt(3, width)), ("f16", soft_prompt(3, width, "f16")), ("file", safetensors(3, width))):
        answers[name] = complete(client, max_tokens=1, temperature=0, logprobs=1, extra_body={"kith": {"soft_prompt": rows}})
        assert answers[name].usage.prompt_tokens == plain.usage.prompt_tokens + 3
    top = {name: answer.choices[0].logprobs.top_logprobs[0] for name, answer in answers.items()}
    assert top["f32"] == top["file"] != plain.choices[0].logprobs.top_logprobs[0]
    question = [{"role": "user", "content": "hello"}]
    chat = client.chat.completions.create(model="kith", messages=question, max_tokens=4, extra_body={"kith": {"soft_prompt": soft_prompt(2, width)}})
    assert chat.choices[0].message.content is not None
    wrong = [soft_prompt(1, width + 1), soft_prompt(1, width, value=math.inf), {**soft_prompt(2, width), "shape": [3, width]},
             {"safetensors": base64.b64encode(b"\x80\x02}q\x00.").decode()}, {"dtype": "f32", "shape": [1, 1], "data": "not base64"}]
    for rows in wrong:
        for call in (lambda body: complete(client, extra_body=body), lambda body: client.chat.completions.create(model="kith", messages=question, extra_body=body)):
            with pytest.raises(openai.BadRequestError) as refused:
                call({"kith": {"soft_prompt": rows}})
            assert refused.value.param.startswith("kith.soft_prompt")


def jobs(server):
    lines = server.call("/metrics")[1].splitlines()
    return [float(line.split()[-1]) for line in lines if line.startswith('kith_jobs{lane="generation"}')][0]


@pytest.mark.parametrize("path, body", [
    ("/v1/completions", {"prompt": PROMPT}), ("/v1/chat/completions", {"messages": [{"role": "user", "content": "Tell me a story."}]})])
@pytest.mark.parametrize("stream", [True, False])
def test_a_client_that_leaves_ends_its_work(server, path, body, stream):
    # Nothing ends this text but its length: without the cancellation it would be at work for long.
    text = json.dumps({**body, "max_tokens": 3000, "stream": stream, "logit_bias": {str(i): -100 for i in range(3)}})
    with socket.create_connection(("127.0.0.1", server.port)) as connection:
        connection.sendall((f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
                            f"Content-Length: {len(text)}\r\n\r\n{text}").encode())
        for _ in range(200):
            if jobs(server) == 1:
                break
            time.sleep(0.01)
        assert jobs(server) == 1
    for _ in range(100):
        if jobs(server) == 0:
            return
        time.sleep(0.01)
    raise AssertionError("the work went on for a second after its client had left")
