"""What users did stands beside the prompt: through either bridge, in the own engine and at a vLLM."""
import base64
import http.server
import io
import json
import struct
import threading
import time
import zipfile

import pytest

import tiny_encoder
from conftest import Server, kith

QUESTION = [{"role": "user", "content": "What should I do first in the morning?"}]
# Of the tiny encoder, which has no Perceiver: the last state is the memory.
LATENTS = 1


@pytest.fixture(scope="module")
def encoder(tmp_path_factory):
    directory = tmp_path_factory.mktemp("encoder") / "encoder"
    tiny_encoder.write_encoder(directory)
    return directory


@pytest.fixture(scope="module")
def events(tmp_path_factory):
    log = tmp_path_factory.mktemp("events") / "events.csv"
    lines = ["user,at,kind,item"]
    for user, count in (("anna", 40), ("ben", 7)):
        lines += [f"{user},2026-03-{i % 28 + 1:02}T{i % 24:02}:00:00Z,opened,page {i * len(user) % 13}" for i in range(count)]
    log.write_text("\n".join(lines) + "\n")
    return log


class Known:
    """A server with an encoder, a bridge and two users' events."""

    def __init__(self, tmp_path, encoder, events, bridge, *arguments, **settings):
        data = str(tmp_path / "data")
        kith("import", "events", str(events), "--data", data)
        config = tmp_path / "kith.toml"
        sections = {"user_encoder": {"directory": str(encoder), "bridge": str(bridge)}, **settings}
        config.write_text("".join(f"[{name}]\n" + "".join(f"{key} = {json.dumps(value)}\n" for key, value in values.items())
                                  for name, values in sections.items()))
        self.server = Server("--config", str(config), *arguments, data=data, command="serve")

    def ask(self, user="anna", **options):
        """The answer, and what its plan says of the embedding."""
        headers = {"X-Kith-User": user} if user else {}
        body = {"model": "kith", "messages": QUESTION, "temperature": 0, "max_tokens": 24, "logprobs": True, **options}
        status, text, _ = self.server.call("/v1/chat/completions", body, headers=headers)
        assert status == 200, text
        answer = json.loads(text)
        steps = {step["technique"]: step for step in answer["kith"]["plan"]}
        return answer, steps["embedding"]

    def ask_known(self, user="anna", **options):
        """The same once the user's events have been read."""
        deadline = time.time() + 60
        while True:
            answer, step = self.ask(user, **options)
            if step["used"] or time.time() > deadline:
                assert step["used"], step
                return answer, step
            time.sleep(0.1)

    def stop(self):
        self.server.stop()


def words(answer):
    choice = answer["choices"][0]
    return choice["message"]["content"], [token["logprob"] for token in choice["logprobs"]["content"]]


OFF = {"kith": {"plan": {"embedding": False}}}


def test_an_answer_attends_to_what_its_user_did_and_says_so(tmp_path, encoder, events):
    tiny_encoder.write_attention_bridge(tmp_path / "bridge", gate=1.0)
    known = Known(tmp_path, encoder, events, tmp_path / "bridge")
    try:
        answer, step = known.ask_known()
        assert step["reason"].startswith("40 events until 20") and step["tokens"] == 0
        plain, off = known.ask(**OFF)
        assert not off["used"] and "switched off" in off["reason"]
        assert words(answer) != words(plain)
        assert answer["usage"]["prompt_tokens"] == plain["usage"]["prompt_tokens"]
        assert words(known.ask_known()[0]) == words(answer)
        assert words(known.ask_known("ben")[0]) != words(answer)

        _, text, _ = known.server.call(f"/v1/decisions/{answer['kith']['decision']}", headers={"X-Kith-User": "anna"})
        embedding = json.loads(text)["decision"]["embedding"]
        assert (embedding["events"], embedding["rows"], embedding["bridge"]) == (40, LATENTS, "bridge")

        for user, options, reason in (("anna", {"kith": {"temporary": True}}, "temporary chat"),
                                      ("", {}, "anonymous"), ("nobody", {}, "no events")):
            answer, step = known.ask(user, **options)
            assert not step["used"] and reason in step["reason"]
            assert words(answer) == words(plain)
    finally:
        known.stop()


def test_a_gate_of_zero_leaves_every_bit(tmp_path, encoder, events):
    tiny_encoder.write_attention_bridge(tmp_path / "bridge", gate=0.0)
    known = Known(tmp_path, encoder, events, tmp_path / "bridge")
    try:
        answer, step = known.ask_known()
        assert step["used"]
        assert words(answer) == words(known.ask(**OFF)[0])
    finally:
        known.stop()


def test_a_soft_prompts_rows_are_a_part_of_the_prompt(tmp_path, encoder, events):
    tiny_encoder.write_prompt_bridge(tmp_path / "bridge", LATENTS)
    report = json.loads(kith("model", "verify", str(tmp_path / "bridge"), "--json")[1])
    assert (report["bridge"], report["memory_rows"], report["ok"]) == ("soft_prompt", LATENTS, True)
    known = Known(tmp_path, encoder, events, tmp_path / "bridge")
    try:
        answer, step = known.ask_known()
        plain, _ = known.ask(**OFF)
        assert step["tokens"] == LATENTS
        assert answer["usage"]["prompt_tokens"] == plain["usage"]["prompt_tokens"] + LATENTS
        assert words(answer)[1] != words(plain)[1]
    finally:
        known.stop()


@pytest.mark.parametrize("changes, reason", [({"rows": LATENTS + 3}, "rows"), ({"encoder_version": "of another"}, "of another"),
                                             ({"hidden": 128}, "hidden_size 128"), ({"bridge_type": "other"}, "bridge_type")])
def test_a_bridge_that_does_not_fit_is_named_at_the_start(tmp_path, encoder, events, changes, reason):
    tiny_encoder.write_prompt_bridge(tmp_path / "bridge", **{"rows": LATENTS, **changes})
    with pytest.raises(RuntimeError) as refused:
        Known(tmp_path, encoder, events, tmp_path / "bridge")
    assert reason in str(refused.value) and "bridge" in str(refused.value)


class Vllm(http.server.BaseHTTPRequestHandler):
    """Speaks what vLLM documents of prompt_embeds in chats, and refuses what vLLM would."""
    seen = []
    hidden_size = 48

    def rows(self, part):
        """What a content part stands for: the tensor that its `data` holds."""
        archive = zipfile.ZipFile(io.BytesIO(base64.b64decode(part["data"], validate=True)))
        assert archive.testzip() is None
        values = archive.read("archive/data/0")
        assert len(values) % (4 * self.hidden_size) == 0 and b"FloatStorage" in archive.read("archive/data.pkl")
        return [struct.unpack(f"<{self.hidden_size}f", values[at:at + 4 * self.hidden_size])
                for at in range(0, len(values), 4 * self.hidden_size)]

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        Vllm.seen.append(body)
        status, answer = 200, {"id": "u", "object": "chat.completion", "created": 1, "model": body["model"],
                               "choices": [{"index": 0, "message": {"role": "assistant", "content": "Hello"}, "finish_reason": "stop",
                                            "logprobs": {"content": [{"token": "Hello", "logprob": -0.5, "top_logprobs": []}]}}]}
        try:
            for message in body["messages"]:
                for part in message["content"] if isinstance(message["content"], list) else []:
                    if part["type"] == "prompt_embeds":
                        body["rows"] = self.rows(part)
        except (AssertionError, KeyError, ValueError, zipfile.BadZipFile) as error:
            status, answer = 400, {"error": {"message": repr(error), "type": "BadRequestError", "code": 400}}
        text = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *_):
        pass


@pytest.fixture
def upstream():
    Vllm.seen.clear()
    running = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Vllm)
    threading.Thread(target=running.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{running.server_port}"
    running.shutdown()


def test_a_vllm_gets_rows_before_the_first_words_of_the_user(tmp_path, encoder, events, upstream):
    tiny_encoder.write_prompt_bridge(tmp_path / "bridge", LATENTS, hidden=Vllm.hidden_size)
    known = Known(tmp_path, encoder, events, tmp_path / "bridge", upstream={"url": upstream, "dialect": "vllm"})
    try:
        answer, step = known.ask_known()
        assert answer["choices"][0]["message"]["content"] == "Hello" and step["tokens"] == LATENTS
        sent = Vllm.seen[-1]
        first = next(message for message in sent["messages"] if message["role"] == "user")
        assert [part["type"] for part in first["content"]] == ["prompt_embeds", "text"]
        assert first["content"][1]["text"] == QUESTION[0]["content"]
        assert len(sent["rows"]) == LATENTS
        known.ask_known("ben")
        assert Vllm.seen[-1]["rows"] != sent["rows"]
        known.ask(**OFF)
        assert "rows" not in Vllm.seen[-1] and Vllm.seen[-1]["messages"][-1]["content"] == QUESTION[0]["content"]
    finally:
        known.stop()


def test_other_upstreams_take_none(tmp_path, encoder, events, upstream):
    tiny_encoder.write_prompt_bridge(tmp_path / "bridge", LATENTS, hidden=Vllm.hidden_size)
    known = Known(tmp_path, encoder, events, tmp_path / "bridge", upstream={"url": upstream})
    try:
        _, step = known.ask()
        assert (step["used"], step["reason"]) == (False, "the upstream takes no embeddings")
        assert all("rows" not in body for body in Vllm.seen)
    finally:
        known.stop()
