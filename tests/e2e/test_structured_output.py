"""Answers of a given form, through the official client: whatever the model writes, they are valid."""
import json
from typing import Literal, Optional

import openai
import pydantic
import pytest

QUESTION = [{"role": "user", "content": "Which form does a new starter need for the vault?"}]


class Contact(pydantic.BaseModel):
    name: str
    floor: int = pydantic.Field(ge=-2, le=40)


class Ticket(pydantic.BaseModel):
    title: str = pydantic.Field(max_length=60)
    priority: Literal["low", "medium", "high"]
    contact: Optional[Contact]
    tags: list[str] = pydantic.Field(max_length=3)


@pytest.fixture
def client(server):
    return openai.OpenAI(base_url=server.url + "/v1", api_key="none", max_retries=0)


def ask(client, **options):
    return client.chat.completions.create(model="kith", messages=QUESTION, extra_headers={"X-Kith-User": "e001"}, **options)


def schema_of(model):
    return {"type": "json_schema", "json_schema": {"name": "answer", "strict": True, "schema": model.model_json_schema()}}


@pytest.mark.parametrize("temperature", [0, 1, 2])
@pytest.mark.parametrize("max_tokens", [80, 300])
def test_an_answer_follows_its_schema(client, temperature, max_tokens):
    answer = ask(client, response_format=schema_of(Ticket), temperature=temperature, max_tokens=max_tokens, n=2)
    for choice in answer.choices:
        Ticket.model_validate_json(choice.message.content)
        assert list(json.loads(choice.message.content)) == ["title", "priority", "contact", "tags"]
    sources = {c["source"] for c in answer.model_extra["kith"]["candidates"]}
    assert sources == {"draft"}


def test_a_stream_is_the_same_document(client):
    chunks = ask(client, response_format=schema_of(Ticket), stream=True, max_tokens=300)
    Ticket.model_validate_json("".join(c.choices[0].delta.content or "" for c in chunks if c.choices))


def test_any_json_object(client):
    answer = ask(client, response_format={"type": "json_object"}, max_tokens=60, temperature=1)
    assert isinstance(json.loads(answer.choices[0].message.content), dict)


@pytest.mark.parametrize("extra", [{"guided_choice": ["yes", "no", "not sure"]},
                                   {"structured_outputs": {"choice": ["yes", "no", "not sure"]}}])
def test_one_of_some_texts(client, extra):
    answer = ask(client, extra_body=extra, temperature=1)
    assert answer.choices[0].message.content in ["yes", "no", "not sure"]
    assert answer.choices[0].finish_reason == "stop"


def test_what_is_not_supported_is_refused_by_name(client):
    schema = {"type": "object", "properties": {"n": {"type": "integer", "not": {"const": 3}}}}
    with pytest.raises(openai.BadRequestError) as refused:
        ask(client, response_format={"type": "json_schema", "json_schema": {"name": "n", "schema": schema}})
    assert refused.value.param == "response_format"
    assert "not" in refused.value.message and "#/properties/n" in refused.value.message
    with pytest.raises(openai.BadRequestError) as refused:
        ask(client, response_format={"type": "structural_tag"})
    assert refused.value.param == "response_format"
