"""Kith in front of somebody else's model: what it composes, what it leaves alone."""
import http.server
import json
import threading

import openai
import pytest

from conftest import Server


class Upstream(http.server.BaseHTTPRequestHandler):
    seen = []

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        Upstream.seen.append(body)
        if body.get("stream"):
            self.send_response(200)
            self.send_header("Content-Type", "text/event-stream")
            self.end_headers()
            for piece in ("Hel", "lo"):
                chunk = {"id": "u", "object": "chat.completion.chunk", "choices": [{"index": 0, "delta": {"content": piece}, "finish_reason": None}]}
                self.wfile.write(f"data: {json.dumps(chunk)}\n\n".encode())
            end = {"id": "u", "object": "chat.completion.chunk", "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}
            self.wfile.write(f"data: {json.dumps(end)}\n\ndata: [DONE]\n\n".encode())
            return
        message = {"role": "assistant", "content": "Hello"}
        if body.get("tools"):
            message = {"role": "assistant", "content": None, "tool_calls": [
                {"id": "c1", "type": "function", "function": {"name": "look_up", "arguments": "{}"}}]}
        answer = json.dumps({"id": "u", "object": "chat.completion", "created": 1, "model": body["model"],
                             "choices": [{"index": 0, "message": message, "finish_reason": "tool_calls" if body.get("tools") else "stop"}],
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
