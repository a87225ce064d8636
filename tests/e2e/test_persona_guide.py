"""docs/guides/personas.md, command by command with a clock, and trainings that are killed."""
import csv
import hashlib
import json
import os
import pathlib
import re
import signal
import subprocess
import time
import tomllib

import pytest

from conftest import KITH, Server

GUIDE = pathlib.Path("docs/guides/personas.md")
EXAMPLE = pathlib.Path("examples/service-desk")
PROGRAM = pathlib.Path(KITH).resolve()


def kith_train():
    named = os.environ.get("KITH_TRAIN")
    places = [pathlib.Path(named)] if named else [PROGRAM.parent / "kith-train",
                                                  PROGRAM.parent / "src/apps/kith_train/kith-train"]
    return next((place for place in places if place.exists()), None)


pytestmark = pytest.mark.skipif(kith_train() is None, reason="kith-train is not built")


def blocks(language):
    return re.findall(rf"^```{language}\n(.*?)^```", GUIDE.read_text(), re.M | re.S)


def write_inputs(directory):
    """The files that the guide's reader brings, from the example: its leaders are called directors."""
    users = [json.loads(line) for line in open(EXAMPLE / "employees.jsonl")]
    names = sorted({name for user in users for name in user["attributes"]})
    with open(directory / "users.csv", "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["id", *(f"attributes.{name}" for name in names), "consent.personalize", "consent.learn"])
        for user in users:
            consent = user["consent"]
            writer.writerow([user["id"], *(user["attributes"].get(name, "") for name in names),
                             str(consent["personalize"]).lower(), str(consent["learn"]).lower()])
    with open(directory / "conversations.jsonl", "w") as file:
        for part in sorted((EXAMPLE / "conversations").glob("*.jsonl")):
            file.write(part.read_text())
    text = (EXAMPLE / "personas.toml").read_text().replace('id = "leadership"', 'id = "directors"')
    assert "directors" in {persona["id"] for persona in tomllib.loads(text)["persona"]}
    (directory / "personas.toml").write_text(text)
    (directory / "quick.toml").write_text(blocks("toml")[0])


def run(command, directory, **options):
    environment = {**os.environ, "PATH": f"{PROGRAM.parent}:{os.environ['PATH']}"}
    return subprocess.run(command, shell=True, cwd=directory, env=environment, capture_output=True, text=True,
                          timeout=900, **options)


def must(command, directory):
    done = run(command, directory)
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def test_the_guide_ends_with_a_promoted_model_in_time(tmp_path):
    write_inputs(tmp_path)
    start = time.monotonic()
    output = {}
    for command in "".join(blocks("sh")).splitlines():
        output[command] = must(command, tmp_path)
        print(f"{time.monotonic() - start:7.1f} s  {command}")
    assert time.monotonic() - start < 20 * 60
    versions = json.loads(must("kith persona versions directors --json --data desk", tmp_path))
    assert versions["serving"] == 1
    # The installation keeps the card and nobody's words.
    job = tmp_path / "desk/personas/jobs/directors"
    card = json.loads((job / "data/card.json").read_text())
    assert card["parts"]["train"]["users"] >= 10 and card["dropped"]["by_reason"]["no_consent"] > 0
    # Planted codes, which stand for no one.
    assert [path.name for path in job.glob("**/*.jsonl")] == ["canaries.jsonl"]


def adapter_of(directory):
    file = directory / "desk/adapters/directors/v1/adapter_model.safetensors"
    return hashlib.sha256(file.read_bytes()).hexdigest()


def imported(directory):
    directory.mkdir()
    write_inputs(directory)
    recipe = (directory / "quick.toml").read_text().replace("steps = 40", "steps = 12").replace("every = 5", "every = 1")
    (directory / "quick.toml").write_text("threads = 1\n" + recipe)
    must("mkdir -p desk && cp personas.toml desk/", directory)
    must("kith import users users.csv --data desk", directory)
    must("kith import conversations conversations.jsonl --data desk", directory)
    return directory


TRAIN = [str(PROGRAM), "persona", "train", "directors", "--recipe", "quick.toml", "--data", "desk"]


def stage(directory):
    file = directory / "desk/personas/jobs/directors/job.json"
    return json.loads(file.read_text())["stage"] if file.exists() else "new"


def wait_for(directory, reached, process):
    while process.poll() is None and not reached():
        time.sleep(0.02)


def resume_through_kills(train, directory, points):
    """Kills the training when it has reached each of the points, resumes it every time and at last lets it finish."""
    for reached in points:
        process = subprocess.Popen([*train, "--resume"], cwd=directory, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_for(directory, reached, process)
        process.send_signal(signal.SIGKILL)
        process.wait()
        time.sleep(0.3)  # the trainer dies with its parent
    must(" ".join([*train, "--resume"]), directory)


def test_a_killed_training_resumes_to_the_same_bytes(tmp_path):
    straight = imported(tmp_path / "straight")
    must(" ".join(TRAIN), straight)
    killed = imported(tmp_path / "killed")
    run_directory = killed / "desk/personas/jobs/directors/run"
    log = run_directory / "log.jsonl"
    steps = lambda: log.read_text().count("learning_rate") if log.exists() else 0  # noqa: E731
    points = [lambda: True, lambda: (killed / "desk/personas/jobs/directors").exists(),
              lambda: stage(killed) == "selected", lambda: steps() >= 3, lambda: steps() >= 9,
              lambda: stage(killed) == "trained"]
    resume_through_kills(TRAIN, killed, points)
    assert stage(killed) == "registered"
    assert adapter_of(killed) == adapter_of(straight)
    versions = json.loads(must("kith persona versions directors --json --data desk", killed))
    assert len(versions["versions"]) == 1


def test_who_is_erased_leaves_no_words_in_an_unfinished_training(tmp_path):
    directory = imported(tmp_path / "erased")
    process = subprocess.Popen(TRAIN, cwd=directory, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    wait_for(directory, lambda: stage(directory) == "selected", process)
    process.kill()
    process.wait()
    users = json.loads((directory / "desk/personas/jobs/directors/contributors.json").read_text())
    user = users[0]["user"]
    own = [json.loads(line) for line in open(directory / "conversations.jsonl")]
    own = [c for c in own if c["user"] == user]
    must(f"kith user erase {user} --yes --data desk", directory)
    for file in (directory / "desk").rglob("*"):
        if file.is_file():
            content = file.read_bytes()
            for conversation in own:
                assert conversation["turns"][0]["text"].encode() not in content, file
    must(" ".join([*TRAIN, "--resume"]), directory)
    erased = json.loads((directory / "desk/personas/jobs/directors/data/card.json").read_text())
    assert erased["users"]["training"] > 0
    status = run("kith persona train nobody --data desk", directory)
    assert status.returncode != 0 and "there is no persona nobody" in status.stderr


def test_a_training_beside_a_server_is_registered_by_it(tmp_path):
    directory = imported(tmp_path / "served")
    server = Server(data=str(directory / "desk"), command="serve")
    try:
        must(" ".join([*TRAIN, "--whole-update"]), directory)
        status, body, _ = server.call("/v1/personas/directors/versions")
        assert status == 200, body
        listed = json.loads(body)["versions"]
        assert [row["status"] for row in listed] == ["candidate"]
        assert stage(directory) == "registered"
        assert listed[0]["metrics"]["update_share"] == 1.0
        # Who contributed is known to the server: erasing him flags the version.
        card = json.loads((directory / "desk/personas/jobs/directors/data/card.json").read_text())
        assert card["parts"]["train"]["users"] >= 10
        flags = []
        for number in range(1, 301):
            server.call(f"/v1/users/e{number:03}", method="DELETE")
            flags = json.loads(server.call("/v1/personas/directors/versions")[1])["versions"][0].get("flags", [])
            if flags:
                break
        assert flags == ["erased_contributor"]
    finally:
        server.stop()
