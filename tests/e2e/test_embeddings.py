"""Vectors as applications ask for them: through the official client, from the own encoder and from an upstream."""
import http.server
import json
import math
import os
import pathlib
import struct
import threading

import openai
import pytest

from conftest import Server, kith

TESTDATA = pathlib.Path(__file__).parents[2] / "src/kith/model/testdata"
MODEL = str(TESTDATA / "sentence_mean")
GOLDEN = json.loads((TESTDATA / "sentence_mean/golden.json").read_text())


@pytest.fixture(scope="module")
def running():
    server = Server("--embedding-model", MODEL, command="serve")
    yield server
    server.stop()


@pytest.fixture
def client(running):
    return openai.OpenAI(base_url=running.url + "/v1", api_key="none", max_retries=0)


def cosine(a, b):
    return sum(x * y for x, y in zip(a, b)) / math.sqrt(sum(x * x for x in a) * sum(y * y for y in b))


def short(rows):
    """Texts that fit the model without being cut."""
    return [row for row in rows if len(row["ids"]) < 48]


def test_vectors_are_those_of_the_python_reference(client):
    rows = short(GOLDEN)
    # The client asks for base64 when nothing is said, and decodes it.
    answer = client.embeddings.create(model="any", input=[row["text"] for row in rows])
    assert [item.index for item in answer.data] == list(range(len(rows)))
    for item, row in zip(answer.data, rows):
        assert cosine(item.embedding, row["vector"]) > 1 - 1e-5
    assert answer.model == "sentence_mean"
    assert answer.usage.prompt_tokens == answer.usage.total_tokens == sum(len(row["ids"]) for row in rows)


def test_floats_and_base64_are_the_same_numbers(client):
    floats = client.embeddings.create(model="any", input="the printer", encoding_format="float").data[0].embedding
    decoded = client.embeddings.create(model="any", input="the printer").data[0].embedding
    assert struct.pack("<32f", *floats) == struct.pack("<32f", *decoded)


def test_tokens_are_taken_as_they_are(client):
    row = GOLDEN[0]
    assert cosine(client.embeddings.create(model="any", input=row["ids"]).data[0].embedding, row["vector"]) > 1 - 1e-5
    two = client.embeddings.create(model="any", input=[row["ids"], GOLDEN[1]["ids"]])
    assert cosine(two.data[1].embedding, GOLDEN[1]["vector"]) > 1 - 1e-5


def test_dimensions_shorten_and_keep_length_one(client):
    vector = client.embeddings.create(model="any", input="the printer", dimensions=8).data[0].embedding
    assert len(vector) == 8 and abs(sum(x * x for x in vector) - 1) < 1e-5


def test_what_is_wrong_is_named(client):
    for options, param in ((dict(input=""), "input"), (dict(input=[]), "input"), (dict(input="a", dimensions=33), "dimensions"),
                           (dict(input=[10 ** 8]), "input"), (dict(input="a " * 60), "input"), (dict(input=["a"] * 2049), "input")):
        with pytest.raises(openai.BadRequestError) as caught:
            client.embeddings.create(model="any", **options)
        assert caught.value.param == param
    cut = client.embeddings.create(model="any", input="a " * 60, extra_body={"truncate": True})
    assert cut.usage.prompt_tokens == 48


def test_many_clients_at_once_get_what_they_would_get_alone(client):
    rows = short(GOLDEN)
    alone = [client.embeddings.create(model="any", input=row["text"]).data[0].embedding for row in rows]
    results = [None] * 8

    def ask(number):
        texts = rows[number % len(rows):] + rows[:number % len(rows)]
        answer = client.embeddings.create(model="any", input=[row["text"] for row in texts])
        results[number] = [(rows.index(row), list(item.embedding)) for row, item in zip(texts, answer.data)]

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(len(results))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(vector == list(alone[index]) for result in results for index, vector in result)


def test_the_model_is_listed_and_counted(running, client):
    assert "sentence_mean" in [model.id for model in client.models.list()]
    assert client.models.retrieve("sentence_mean").id == "sentence_mean"
    _, metrics, _ = running.call("/metrics")
    assert "kith_embedded_texts_total" in metrics and 'kith_tokens_total{kind="embedding"}' in metrics


def test_chats_and_vectors_share_the_server(client):
    answer = client.chat.completions.create(model="kith", max_tokens=8, messages=[{"role": "user", "content": "hello"}])
    assert answer.choices[0].message is not None
    assert client.embeddings.create(model="any", input="a").data


def test_without_a_model_the_error_names_the_option(server):
    status, body, _ = server.call("/v1/embeddings", {"input": "a", "model": "any"})
    assert status == 404 and "--embedding-model" in json.loads(body)["error"]["message"]


class Upstream(http.server.BaseHTTPRequestHandler):
    seen = []

    def do_POST(self):
        Upstream.seen.append((self.path, json.loads(self.rfile.read(int(self.headers["Content-Length"])))))
        answer = json.dumps({"object": "list", "model": "theirs", "usage": {"prompt_tokens": 1, "total_tokens": 1},
                             "data": [{"object": "embedding", "index": 0, "embedding": [0.5, 0.25]}]}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_):
        pass


def test_an_upstream_embeds_where_there_is_no_own_model():
    upstream = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Upstream)
    threading.Thread(target=upstream.serve_forever, daemon=True).start()
    running = Server("--upstream", f"http://127.0.0.1:{upstream.server_port}", command="serve")
    try:
        client = openai.OpenAI(base_url=running.url + "/v1", api_key="none", max_retries=0)
        answer = client.embeddings.create(model="text-embedding-3-small", input=["a"], user="anna", encoding_format="float")
        assert list(answer.data[0].embedding) == [0.5, 0.25] and answer.model == "theirs"
        path, body = Upstream.seen[-1]
        assert path == "/v1/embeddings"
        assert body == {"model": "text-embedding-3-small", "input": ["a"], "encoding_format": "float"}
    finally:
        running.stop()
        upstream.shutdown()


def test_the_command_writes_a_line_for_each_text(tmp_path):
    rows = short(GOLDEN)
    plain = tmp_path / "texts.txt"
    plain.write_text("\n".join(row["text"] for row in rows) + "\n")
    _, out, _ = kith("embed", "texts", "--model", MODEL, str(plain))
    lines = [json.loads(line) for line in out.splitlines()]
    assert [line["index"] for line in lines] == list(range(len(rows)))
    assert all(cosine(line["embedding"], row["vector"]) > 1 - 1e-5 for line, row in zip(lines, rows))

    records = "".join(json.dumps({"id": f"t{i}", "text": row["text"]}) + "\n" for i, row in enumerate(rows))
    status, out, err = kith("embed", "texts", "--model", MODEL, "-", input=records + "{broken\n", check=False)
    piped = [json.loads(line) for line in out.splitlines()]
    assert [line["id"] for line in piped] == [f"t{i}" for i in range(len(rows))]
    assert [line["embedding"] for line in piped] == [line["embedding"] for line in lines]
    assert status == 1 and f"standard input:{len(rows) + 1}: " in err and "1 of the lines were bad" in err

    long = tmp_path / "long.txt"
    long.write_text("a " * 60)
    _, out, _ = kith("embed", "texts", str(long), env={**os.environ, "KITH_EMBEDDING_MODEL": MODEL})
    assert json.loads(out)["truncated"] is True and json.loads(out)["tokens"] == 48
    status, _, err = kith("embed", "texts", str(long), check=False)
    assert status == 1 and "--embedding-model" in err
