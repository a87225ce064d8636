"""What OpenAI's fields do to a chat on the own engine, through the official client."""
import json

import openai
import pytest

QUESTION = [{"role": "user", "content": "How many days do I have until an unanswered access approval expires?"}]


@pytest.fixture
def client(server):
    return openai.OpenAI(base_url=server.url + "/v1", api_key="none", max_retries=0)


def ask(client, **options):
    return client.chat.completions.create(model="kith", messages=QUESTION, **options)


def test_logprobs_tell_of_every_token(client):
    choice = ask(client, logprobs=True, top_logprobs=2, max_completion_tokens=12).choices[0]
    content = choice.logprobs.content
    assert "".join(token.token for token in content).startswith(choice.message.content)
    for token in content:
        assert bytes(token.bytes).decode(errors="replace") == token.token
        assert len(token.top_logprobs) == 2 and token.logprob <= 0
        assert token.top_logprobs[0].logprob >= token.top_logprobs[1].logprob
    assert ask(client, max_tokens=4).choices[0].logprobs is None


@pytest.mark.parametrize("options", [{"temperature": 0}, {"n": 2, "seed": 7}, {"temperature": 0, "stop": ["e"]}])
def test_streamed_logprobs_come_with_their_text(client, options):
    options = dict(options, logprobs=True, top_logprobs=1, max_completion_tokens=12)
    texts, tokens = {}, {}
    for chunk in ask(client, stream=True, **options):
        for choice in chunk.choices:
            texts[choice.index] = texts.get(choice.index, "") + (choice.delta.content or "")
            assert choice.delta.content or choice.logprobs is None or choice.logprobs.content == []
            if choice.logprobs:
                told = tokens.setdefault(choice.index, [])
                told.extend(choice.logprobs.content)
                # Every token begins in the text that has been shown, and none of it lacks its token.
                shown = b"".join(bytes(token.bytes) for token in told)
                assert shown.startswith(texts[choice.index].encode()) and len(shown) - len(told[-1].bytes) < len(texts[choice.index].encode())
    for choice in ask(client, **options).choices:
        assert texts[choice.index] == choice.message.content
        assert tokens.get(choice.index, []) == choice.logprobs.content


def test_a_seed_repeats(client):
    texts = {ask(client, seed=3, temperature=1.3, max_tokens=16, extra_body={"kith": {"plan": {"candidates": False}}}).choices[0].message.content for _ in range(3)}
    assert len(texts) == 1


def test_a_stop_text_is_not_shown(client):
    free = ask(client, temperature=0, max_tokens=24, logprobs=True).choices[0].message.content
    stop = free[len(free) // 2:][:3]
    for stream in (False, True):
        answer = ask(client, temperature=0, max_tokens=24, logprobs=True, stop=[stop], stream=stream)
        text = answer.choices[0].message.content if not stream else "".join(c.delta.content or "" for chunk in answer for c in chunk.choices)
        assert text == free[:free.index(stop)]


def test_a_bias_forbids(client):
    tokens = {str(i): -100 for i in range(3, 303)}
    assert ask(client, temperature=0, max_tokens=4, logit_bias=tokens).choices[0].finish_reason in ("stop", "length")
    with pytest.raises(openai.BadRequestError) as refused:
        ask(client, logit_bias={"5": 101})
    assert refused.value.param == "logit_bias"
    # A token that there is not would never have been drawn, nor kept from being drawn.
    for token in ("9999999", "05"):
        with pytest.raises(openai.BadRequestError) as refused:
            ask(client, logit_bias={token: 5})
        assert refused.value.param == "logit_bias"


def test_a_model_that_is_not_there_is_not_found(client):
    for call in (lambda: client.chat.completions.create(model="gpt-9", messages=QUESTION, max_tokens=2),
                 lambda: list(client.chat.completions.create(model="gpt-9", messages=QUESTION, max_tokens=2, stream=True)),
                 lambda: client.completions.create(model="gpt-9", prompt="x", max_tokens=2), lambda: client.models.retrieve("gpt-9")):
        with pytest.raises(openai.NotFoundError) as missing:
            call()
        assert missing.value.code == "model_not_found"
    base = client.models.list().data[0].id
    assert client.models.retrieve("kith").id == base
    assert {client.chat.completions.create(model=name, messages=QUESTION, max_tokens=2).model for name in (base, "kith", "default")} == {base}


def test_members_that_nobody_knows_are_ignored_and_named(client):
    answer = client.chat.completions.with_raw_response.create(model="kith", messages=QUESTION, max_tokens=2, extra_body={"temprature": 0})
    assert answer.headers["x-kith-ignored"] == "temprature"
    # What other servers know and would make another answer is not ignored.
    for extra in ({"guided_regex": "a+"}, {"min_tokens": 3}, {"kith": {"odd": 1}}):
        with pytest.raises(openai.BadRequestError) as refused:
            ask(client, extra_body=extra)
        assert refused.value.param in (*extra, "kith.odd")


def test_what_there_is_no_room_for_names_the_member(client):
    for call, param in ((lambda: client.chat.completions.create(model="kith", messages=[{"role": "user", "content": "printer " * 20000}]), "messages"),
                        (lambda: ask(client, n=128, max_tokens=4000), "n"),
                        (lambda: client.completions.create(model="kith", prompt="printer " * 20000), "prompt")):
        with pytest.raises(openai.BadRequestError) as refused:
            call()
        assert (refused.value.code, refused.value.param) == ("context_length_exceeded", param)


def test_usage_counts_what_is_shown(client):
    answer = ask(client, max_tokens=5)
    assert 1 <= answer.usage.completion_tokens <= 5
    assert answer.model_extra["kith"]["generated_tokens"] > answer.usage.completion_tokens
    assert ask(client, max_tokens=5, n=2).usage.completion_tokens <= 10


def test_a_choice_without_text_reads_the_same_streamed(client):
    free = ask(client, temperature=0, max_tokens=8, logprobs=True).choices[0].message.content
    options = dict(temperature=0, max_tokens=8, logprobs=True, stop=[free[:1]])
    assert ask(client, **options).choices[0].logprobs.content == []
    told = [choice.logprobs for chunk in ask(client, stream=True, **options) for choice in chunk.choices if choice.logprobs]
    assert [logprobs.content for logprobs in told] == [[]]


@pytest.mark.parametrize("name", ["max_tokens", "max_completion_tokens"])
def test_lengths_hold_for_every_source_of_words(client, name):
    answer = ask(client, n=2, **{name: 5})
    assert len(answer.choices) == 2
    assert {c["source"] for c in answer.model_extra["kith"]["candidates"]} == {"draft"}
    assert all(choice.finish_reason in ("stop", "length") for choice in answer.choices)
    assert any(choice.finish_reason == "length" for choice in answer.choices)


def test_usage_comes_last_in_a_stream(client):
    chunks = list(ask(client, stream=True, stream_options={"include_usage": True}, max_tokens=8))
    assert chunks[-1].usage.total_tokens > 0 and chunks[-1].choices == []
    assert all(chunk.usage is None for chunk in chunks[:-1])
    assert all(chunk.usage is None for chunk in ask(client, stream=True, max_tokens=8))


def test_user_and_metadata_say_who_asks(client):
    assert ask(client, user="e004", max_tokens=4).model_extra["kith"]["user"] == "e004"
    assert ask(client, metadata={"user_id": "e005", "run": "7"}, max_tokens=4).model_extra["kith"]["user"] == "e005"
    with pytest.raises(openai.BadRequestError) as refused:
        ask(client, metadata={f"k{i}": "v" for i in range(17)})
    assert refused.value.param == "metadata"


@pytest.mark.parametrize("wrong, param", [
    ({"temperature": 3}, "temperature"), ({"top_p": 2}, "top_p"), ({"n": 0}, "n"), ({"stop": ["a"] * 5}, "stop"),
    ({"top_logprobs": 2}, "top_logprobs"), ({"stream_options": {"include_usage": True}}, "stream_options"),
    ({"max_completion_tokens": 0}, "max_completion_tokens"), ({"seed": 1.5}, "seed"), ({"user": "x" * 257}, "user")])
def test_errors_are_objects_that_name_the_member(server, wrong, param):
    status, body, _ = server.call("/v1/chat/completions", {"messages": QUESTION, **wrong})
    error = json.loads(body)["error"]
    assert status == 400 and error["param"] == param and error["type"] == "invalid_request_error"
    assert set(error) == {"message", "type", "param", "code"}
