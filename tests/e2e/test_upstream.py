"""Kith in front of somebody else's model: what it composes, what it leaves alone."""
import http.server
import json
import threading
import urllib.request

import openai
import pytest

from conftest import Server


UPSTREAM_ANSWER = '{"id": "u",  "object":"text_completion","created":1,"model":"their-model","choices":[{"index":0,"text":"Hello","logprobs":null,"finish_reason":"stop"}],"usage":{"prompt_tokens":3,"completion_tokens":1,"total_tokens":4},"odd":[1]}'


def token_of(text):
    return {"token": text, "logprob": -0.5, "bytes": list(text.encode()), "top_logprobs": []}


# What upstreams say with status 200 that is no answer, for whole answers and as the only event of a stream.
FAULTS = {"no json": "<html>", "nothing": "", "null": "null", "null choices": '{"choices":null}', "no choices": '{"choices":[]}', "no vectors": '{"data":[]}',
          "error text": '{"error":"boom"}', "error object": '{"error":{"message":"boom","code":503}}', "too deep": "[" * 100_000}


class Upstream(http.server.BaseHTTPRequestHandler):
    seen = []
    bytes = []

    def fail(self, body, fault):
        answer = (f"data: {FAULTS[fault]}\n\ndata: [DONE]\n\n" if body.get("stream") else FAULTS[fault]).encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream" if body.get("stream") else "application/json")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def complete(self, body):
        if body.get("prompt") == "refuse":
            answer, status = b'{"error":{"message":"no such model","type":"x","param":null,"code":null}}', 404
        elif body.get("stream"):
            answer, status = b'data: {"id":"u","object":"text_completion","created":1,"model":"their-model","choices":[{"index":0,"text":"Hel","logprobs":null,"finish_reason":null}],"odd":1}\n\n' \
                b'data: {"id":"u","object":"text_completion","created":1,"model":"their-model","choices":[{"index":0,"text":"lo","logprobs":null,"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n', 200
        else:
            answer, status = UPSTREAM_ANSWER.encode(), 200
        self.send_response(status)
        self.send_header("Content-Type", "text/event-stream" if body.get("stream") else "application/json")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def do_POST(self):
        sent = self.rfile.read(int(self.headers["Content-Length"]))
        body = json.loads(sent)
        Upstream.seen.append(body)
        Upstream.bytes.append((self.path, sent))
        if body["model"] in FAULTS:
            return self.fail(body, body["model"])
        if self.path == "/v1/completions":
            return self.complete(body)
        if body.get("stream"):
            self.send_response(200)
            self.send_header("Content-Type", "text/event-stream")
            self.end_headers()
            for piece in ("Hel", "lo"):
                logprobs = {"content": [token_of(piece)], "refusal": None, "odd": 1} if body.get("logprobs") else None
                chunk = {"id": "u", "object": "chat.completion.chunk", "choices": [{"index": 0, "delta": {"content": piece}, "logprobs": logprobs, "finish_reason": None}]}
                self.wfile.write(f"data: {json.dumps(chunk)}\n\n".encode())
            end = {"id": "u", "object": "chat.completion.chunk", "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}
            self.wfile.write(f"data: {json.dumps(end)}\n\ndata: [DONE]\n\n".encode())
            return
        message = {"role": "assistant", "content": "Hello"}
        if body.get("tools"):
            message = {"role": "assistant", "content": None, "tool_calls": [
                {"id": "c1", "type": "function", "function": {"name": "look_up", "arguments": "{}"}}]}
        answer = json.dumps({"id": "u", "object": "chat.completion", "created": 1, "model": body["model"],
                             "choices": [{"index": 0, "message": message, "logprobs": {"content": [token_of("Hel"), token_of("lo")], "refusal": None} if body.get("logprobs") else None, "finish_reason": "tool_calls" if body.get("tools") else "stop"}],
                             "usage": {"prompt_tokens": 3, "completion_tokens": 1, "total_tokens": 4}}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_):
        pass


@pytest.fixture(scope="module")
def client():
    upstream = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Upstream)
    threading.Thread(target=upstream.serve_forever, daemon=True).start()
    running = Server("--upstream", f"http://127.0.0.1:{upstream.server_port}")
    yield openai.OpenAI(base_url=running.url + "/v1", api_key="none", max_retries=0)
    running.stop()
    upstream.shutdown()


def ask(client, messages, user="e001", **options):
    return client.chat.completions.create(model="their-model", messages=messages, extra_headers={"X-Kith-User": user}, **options)


def test_the_applications_system_message_stands_first(client):
    answer = ask(client, [{"role": "system", "content": "Always answer in verse."}, {"role": "user", "content": "My VPN does not connect."}])
    assert answer.choices[0].message.content == "Hello"
    sent = Upstream.seen[-1]
    assert sent["model"] == "their-model"
    assert sent["messages"][0]["content"].startswith("Always answer in verse.")
    assert sent["messages"][-1]["content"] == "My VPN does not connect."


def test_tools_and_unknown_fields_pass_untouched(client):
    tools = [{"type": "function", "function": {"name": "look_up", "parameters": {"type": "object"}}}]
    answer = ask(client, [{"role": "user", "content": "hi"}], tools=tools, extra_body={"odd_field": {"a": [1, None]}})
    assert answer.choices[0].message.tool_calls[0].function.name == "look_up"
    assert Upstream.seen[-1]["tools"] == tools and Upstream.seen[-1]["odd_field"] == {"a": [1, None]}


def test_image_parts_pass_untouched(client):
    parts = [{"type": "text", "text": "what is this"}, {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA=="}}]
    ask(client, [{"role": "user", "content": parts}])
    assert Upstream.seen[-1]["messages"][-1]["content"] == parts


def test_streams_come_through(client):
    chunks = list(ask(client, [{"role": "user", "content": "hi"}], stream=True))
    assert "".join(c.choices[0].delta.content or "" for c in chunks if c.choices) == "Hello"


@pytest.mark.parametrize("n", [1, 2])
def test_log_probabilities_come_through(client, n):
    question = [{"role": "user", "content": "hi"}]
    streamed = {}
    for chunk in ask(client, question, stream=True, logprobs=True, n=n):
        for choice in chunk.choices:
            if choice.logprobs:
                streamed.setdefault(choice.index, []).append((choice.delta.content, [token.token for token in choice.logprobs.content]))
    # One answer goes out as it comes; of several the better one goes first, so they are whole by then.
    assert streamed == {i: [("Hel", ["Hel"]), ("lo", ["lo"])] if n == 1 else [("Hello", ["Hel", "lo"])] for i in range(n)}
    whole = ask(client, question, logprobs=True, n=n)
    assert [[token.token for token in choice.logprobs.content] for choice in whole.choices] == [["Hel", "lo"]] * n


def raw(client, body):
    request = urllib.request.Request(str(client.base_url) + "completions", data=body, headers={"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=30) as answer:
        return answer.read().decode()


def test_plain_completions_pass_untouched_both_ways(client):
    body = b'{ "prompt_embeds":"AA==", "suffix":"end",  "logprobs":40,"model":"their-model","lora":[{"id":0,"scale":1}] }'
    assert raw(client, body) == UPSTREAM_ANSWER
    assert Upstream.bytes[-1] == ("/v1/completions", body)
    answer = client.completions.create(model="their-model", prompt="Once", suffix="end", user="e001", extra_body={"odd_field": [1, None]})
    assert answer.choices[0].text == "Hello" and answer.model_extra["odd"] == [1]
    assert Upstream.seen[-1]["odd_field"] == [1, None] and "user" not in Upstream.seen[-1]


def test_streams_of_completions_come_through(client):
    chunks = list(client.completions.create(model="their-model", prompt="Once", stream=True))
    assert "".join(chunk.choices[0].text for chunk in chunks) == "Hello"
    assert chunks[0].model_extra["odd"] == 1
    for stream in (False, True):
        with pytest.raises(openai.BadRequestError) as refused:
            client.completions.create(model="their-model", prompt="refuse", stream=stream)
        assert "no such model" in refused.value.message


@pytest.mark.parametrize("fault", FAULTS)
def test_an_upstreams_faults_are_not_told_as_the_clients(client, fault):
    messages = [{"role": "user", "content": "hi"}]
    for call in (lambda: client.chat.completions.create(model=fault, messages=messages),
                 lambda: list(client.chat.completions.create(model=fault, messages=messages, stream=True)),
                 lambda: client.completions.create(model=fault, prompt="x"),
                 lambda: list(client.completions.create(model=fault, prompt="x", stream=True)),
                 lambda: client.embeddings.create(model=fault, input="x")):
        with pytest.raises(openai.APIError) as failed:
            call()
        # A failure in a stream that has begun is an event and has no status.
        assert getattr(failed.value, "status_code", 503) == 503
        assert (failed.value.type, failed.value.code) == ("unavailable_error", "unavailable")


def test_rows_of_embeddings_need_the_built_in_engine(client):
    rows = {"kith": {"soft_prompt": {"dtype": "f16", "shape": [1, 2], "data": "ADwAQA=="}}}
    for call in (lambda: client.completions.create(model="m", prompt="x", extra_body=rows), lambda: ask(client, [{"role": "user", "content": "x"}], extra_body=rows)):
        with pytest.raises(openai.BadRequestError) as refused:
            call()
        assert refused.value.param == "kith.soft_prompt"
