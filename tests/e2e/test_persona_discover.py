"""docs/guides/discovery.md, command by command, and what discovery may never show."""
import json
import os
import pathlib
import re
import subprocess
import tomllib

import pytest

from conftest import KITH

GUIDE = pathlib.Path("docs/guides/discovery.md")
EXAMPLE = pathlib.Path("examples").resolve()
FLOOR = 10


def environment():
    return {**os.environ, "PATH": f"{pathlib.Path(KITH).resolve().parent}:{os.environ['PATH']}"}


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """Where every command of the guide was run."""
    directory = tmp_path_factory.mktemp("discovery")
    (directory / "examples").symlink_to(EXAMPLE)
    for block in re.findall(r"^```sh\n(.*?)^```", GUIDE.read_text(), re.M | re.S):
        done = subprocess.run(["sh", "-ec", block], cwd=directory, env=environment(), capture_output=True,
                              text=True, timeout=600)
        assert done.returncode == 0, done.stdout + done.stderr
    return directory


def discover(place, *arguments):
    done = subprocess.run(["kith", "persona", "discover", "--data", "desk", "--json", *arguments], cwd=place,
                          env=environment(), capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def employees():
    return [json.loads(line) for line in open(EXAMPLE / "service-desk/employees.jsonl")]


def test_the_draft_is_a_catalogue_of_the_groups(place):
    draft = tomllib.loads((place / "draft.toml").read_text())
    found = discover(place)
    assert len(draft["persona"]) == len(found["proposals"]) == 5
    known = [proposal["known_as"] for proposal in found["proposals"] if "known_as" in proposal]
    assert len(known) >= 4 and set(known) <= {persona["id"] for persona in draft["persona"]}


def test_nothing_below_the_floor_and_nobody_who_refused(place):
    willing = [user for user in employees()
               if user["consent"]["personalize"] and user["consent"]["learn"]]
    found = discover(place)
    assert found["users"] == len(willing) == sum(proposal["users"] for proposal in found["proposals"])
    for proposal in found["proposals"]:
        shown = [proposal, *proposal["values"], *proposal["terms"], *proposal["overlaps"]]
        assert min(item["users"] for item in shown) >= FLOOR
        assert "nearest" not in proposal
    names = {part.lower() for user in employees() for part in user["attributes"]["name"].split()}
    terms = {term["term"] for proposal in found["proposals"] for term in proposal["terms"]}
    assert not names & terms


def test_the_same_seed_gives_the_same_bytes_and_ids_come_when_asked_for(place):
    first, again = (discover(place, "--nearest", "3", "--seed", "4") for _ in range(2))
    assert first == again
    willing = {user["id"] for user in employees()}
    for proposal in first["proposals"]:
        assert len(proposal["nearest"]) == 3 and set(proposal["nearest"]) <= willing


def test_a_higher_floor_gives_larger_groups_or_none(place):
    assert all(proposal["users"] >= 60 for proposal in discover(place, "--min-users", "60")["proposals"])
    done = subprocess.run(["kith", "persona", "discover", "--data", "desk", "--min-users", "400"], cwd=place,
                          env=environment(), capture_output=True, text=True, timeout=600)
    assert done.returncode != 0 and "400" in done.stderr
