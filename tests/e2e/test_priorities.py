"""Priorities on the service desk: who waits, who gets the offline steps, who takes over, and the fleet's figures."""
import concurrent.futures
import json
import time

import pytest

from conftest import Server, kith
from test_personal_answer import users_by_persona

TABLET = "Fieldbook does not sync my work orders"


@pytest.fixture(scope="module")
def busy(tmp_path_factory):
    """A server with one place for generation."""
    config = tmp_path_factory.mktemp("config") / "kith.toml"
    config.write_text("[server]\nworkers = 1\n\n[personas]\nmin_fleet_users = 2\n")
    running = Server("--config", str(config))
    yield running
    running.stop()


def ask(server, user, text, **members):
    body = {"model": "kith", "messages": [{"role": "user", "content": text}], **members}
    status, answer, _ = server.call("/v1/chat/completions", body, headers={"X-Kith-User": user})
    assert status == 200, answer
    return json.loads(answer)


def test_a_leader_is_answered_before_those_who_came_earlier(busy):
    people = users_by_persona(busy)
    done = []

    def answered(user):
        answer = ask(busy, user, "Write down everything that you know about laptops", max_tokens=200)
        done.append(user)
        return answer

    worker, leader = people["knowledge_worker"], people["leadership"]
    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        waiting = [pool.submit(answered, worker) for _ in range(8)]
        # The leader comes once the others wait.
        for _ in range(400):
            metrics = busy.call("/metrics")[1]
            if 'kith_queue_waiting{class="normal"} 0' not in metrics:
                break
        last = pool.submit(answered, leader).result()
        for future in waiting:
            future.result()
    assert last["kith"]["queue_class"] == "urgent"
    # Ahead of all that waited; one was at work, another may have been called meanwhile.
    assert done.index(leader) <= 2, done


def test_the_field_worker_gets_the_offline_steps_first(server):
    people = users_by_persona(server)
    field = ask(server, people["field_worker"], TABLET)
    text = field["choices"][0]["message"]["content"]
    steps = [step for step in field["kith"]["plan"] if step["technique"] == "needs"]
    assert steps and steps[0]["used"] and "works offline" in steps[0]["reason"], field["kith"]["plan"]
    assert text.startswith("1. Keep working"), text
    desk = ask(server, people["knowledge_worker"], TABLET)
    assert not any(step["technique"] == "needs" for step in desk["kith"]["plan"])
    assert not desk["choices"][0]["message"]["content"].startswith("1. Keep working")


def test_whoever_asks_for_a_person_is_given_their_own(server):
    people = users_by_persona(server)
    field = ask(server, people["field_worker"], "Can I talk to somebody please?")
    assert field["kith"]["escalation"]["channel"] == "+44 113 555 0148"
    # Behind an answer that was cut there is no room for a sentence.
    if field["choices"][0]["finish_reason"] == "stop":
        assert "+44 113 555 0148" in field["choices"][0]["message"]["content"]
    leader = ask(server, people["leadership"], "Can I talk to somebody please?")
    assert leader["kith"]["escalation"]["name"] == "the duty manager of the service desk"
    document = json.loads(server.call(f"/v1/decisions/{leader['kith']['decision']}")[1])["decision"]
    assert document["escalation"]["reason"] == "asked for a person"
    assert document["queue_class"] == "urgent"


def settled_figures(server):
    """Once everybody who has never asked is counted by his attributes too, a few seconds after the start."""
    for _ in range(60):
        figures = json.loads(server.call("/v1/personas/leadership/stats")[1])
        time.sleep(1)
        again = json.loads(server.call("/v1/personas/leadership/stats")[1])
        if figures["size"] == again["size"] > 10:
            return again
    raise AssertionError(figures)


def test_the_fleets_figures_are_the_same_over_http_and_on_the_command_line(busy):
    people = users_by_persona(busy)
    ask(busy, people["leadership"], "What is the impact of the outage on the plant, and who owns it?", max_tokens=8)
    ask(busy, people["knowledge_worker"], "Why does the VPN client drop the split tunnel when I dock the laptop?", max_tokens=8)
    figures = settled_figures(busy)
    assert len(figures["buckets"]) == 30
    # One leader has asked: too few to tell.
    assert figures["total"]["withheld"] is True and "requests" not in figures["total"]
    assert figures["total"]["to_own_users"] == {"withheld": True}
    told = json.loads(kith("persona", "stats", "leadership", "--data", busy.directory, "--json")[1])
    assert told["total"] == figures["total"]
    table = kith("persona", "stats", "leadership", "--data", busy.directory, "--bucket", "week")[1]
    assert "total" in table and "-" in table
    status, _, error = kith("persona", "stats", "nobody", "--data", busy.directory, check=False)
    assert status == 1 and "no such persona" in error
