"""docs/guides/user-embeddings.md, command by command with a clock, and trainings that are killed."""
import csv
import hashlib
import json
import pathlib
import re
import shutil
import time

import pytest

from conftest import Server
from test_persona_guide import EXAMPLE, PROGRAM, kith_train, must, resume_through_kills, run

GUIDE = pathlib.Path("docs/guides/user-embeddings.md")

pytestmark = pytest.mark.skipif(kith_train() is None, reason="kith-train is not built")


def blocks(language):
    return re.findall(rf"^```{language}\n(.*?)^```", GUIDE.read_text(), re.M | re.S)


def write_inputs(directory):
    """The files that the guide's reader brings, from the example."""
    users = [json.loads(line) for line in open(EXAMPLE / "employees.jsonl")]
    with open(directory / "users.csv", "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["id", "attributes.title", "consent.personalize", "consent.learn"])
        for user in users:
            consent = user["consent"]
            writer.writerow([user["id"], user["attributes"].get("title", ""), str(consent["personalize"]).lower(),
                             str(consent["learn"]).lower()])
    shutil.copy(EXAMPLE / "events.csv", directory / "events.csv")
    schema, recipe = blocks("toml")
    (directory / "timeline.toml").write_text(schema)
    (directory / "quick.toml").write_text(recipe)
    return users


def test_the_guide_ends_with_an_encoder_that_serves(tmp_path):
    users = write_inputs(tmp_path)
    start = time.monotonic()
    for command in "".join(blocks("sh")).splitlines():
        print(must(command, tmp_path))
        print(f"{time.monotonic() - start:7.1f} s  {command}")
    assert time.monotonic() - start < 15 * 60
    listed = json.loads(must("kith embed versions --json --data desk", tmp_path))
    assert listed["serving"] == 1
    figures = listed["versions"][0]["metrics"]["next_event"]
    # Far more than what is frequent: the simulator's needs follow the person and the season.
    assert figures["item"]["ndcg10"] > 1.5 * figures["item"]["popularity_ndcg10"]
    # The installation keeps the card and nobody's events.
    job = tmp_path / "desk/personas/jobs/user_encoder"
    card = json.loads((job / "data/card.json").read_text())
    refused = sum(not user["consent"]["learn"] for user in users)
    assert card["users"]["training"] >= 200 and 0 < card["dropped"]["by_reason"]["no_consent"]["users"] <= refused
    assert any(row["feature"] == "item" and row["values"] > 0 for row in card["withheld"])
    assert sorted(path.name for path in (job / "data").iterdir()) == ["card.json", "card.md"]
    assert not (job / "run").exists()
    assert (tmp_path / "encoder-copy/encoder/model.safetensors").exists()
    # Rolling back goes nowhere yet, and says so.
    back = run("kith embed rollback --data desk", tmp_path)
    assert back.returncode != 0 and "served before" in back.stderr


def imported(directory):
    directory.mkdir()
    write_inputs(directory)
    recipe = (directory / "quick.toml").read_text()
    recipe = recipe.replace("epochs = 10", "steps = 12").replace("checkpoint_every = 10", "checkpoint_every = 1")
    (directory / "quick.toml").write_text("threads = 1\n" + recipe)
    lines = (directory / "events.csv").read_text().splitlines(keepends=True)
    (directory / "events.csv").write_text("".join(lines[:1] + [line for line in lines[1:] if line.startswith("e0")]))
    for command in ("mkdir -p desk && cp timeline.toml desk/", "kith import users users.csv --data desk",
                    "kith import events events.csv --data desk"):
        must(command, directory)
    return directory


TRAIN = [str(PROGRAM), "train", "timeline", "--recipe", "quick.toml", "--data", "desk"]


def stage(directory):
    file = directory / "desk/personas/jobs/user_encoder/job.json"
    return json.loads(file.read_text())["stage"] if file.exists() else "new"


def encoder_of(directory):
    folder = directory / "desk/adapters/user_encoder/v1"
    return {name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in ("model.safetensors", "features.json")}


def test_a_killed_training_resumes_to_the_same_bytes(tmp_path):
    straight = imported(tmp_path / "straight")
    must(" ".join(TRAIN), straight)
    killed = imported(tmp_path / "killed")
    log = killed / "desk/personas/jobs/user_encoder/run/log.jsonl"
    steps = lambda: log.read_text().count("learning_rate") if log.exists() else 0  # noqa: E731
    points = [lambda: True, lambda: (killed / "desk/personas/jobs/user_encoder").exists(), lambda: stage(killed) == "selected",
              lambda: steps() >= 3, lambda: steps() >= 9, lambda: stage(killed) == "trained", lambda: stage(killed) == "evaluated"]
    resume_through_kills(TRAIN, killed, points)
    assert stage(killed) == "registered"
    assert encoder_of(killed) == encoder_of(straight)


def test_a_training_beside_a_server_is_registered_by_it_and_erasure_flags_it(tmp_path):
    directory = imported(tmp_path / "served")
    server = Server(data=str(directory / "desk"), command="serve")
    try:
        must(" ".join(TRAIN), directory)
        listed = json.loads(must("kith embed versions --json --data desk", directory))
        assert [row["created_by"] for row in listed["versions"]] == ["kith train timeline"]
        assert "gate" in listed["versions"][0]
        for number in range(1, 99):
            server.call(f"/v1/users/e{number:03}", method="DELETE")
            listed = json.loads(must("kith embed versions --json --data desk", directory))
            if listed["versions"][0].get("flags"):
                break
        assert listed["versions"][0]["flags"] == ["erased_contributor"]
        # He is out of the next dataset.
        before = json.loads((directory / "desk/personas/jobs/user_encoder/data/card.json").read_text())
        must(" ".join(TRAIN), directory)
        after = json.loads((directory / "desk/personas/jobs/user_encoder/data/card.json").read_text())
        assert after["users"]["with_events"] < before["users"]["with_events"]
        assert after["data_hash"] != before["data_hash"]
    finally:
        server.stop()


def test_what_is_missing_is_named(tmp_path):
    (tmp_path / "desk").mkdir()
    for command, named in (("kith train timeline --data desk", "timeline.toml"),
                           ("kith embed promote 7 --yes --data desk", "there is no version user_encoder@7")):
        done = run(command, tmp_path)
        assert done.returncode != 0 and named in done.stderr, done.stderr
