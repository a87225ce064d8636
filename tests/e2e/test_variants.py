"""docs/guides/variants.md: every command on a few essays and patients, with two steps of training."""
import json
import os
import pathlib
import re
import shutil
import subprocess

import pytest

from conftest import KITH
from test_persona_guide import kith_train

ROOT = pathlib.Path.cwd()
GUIDE = pathlib.Path("docs/guides/variants.md")
PROGRAM = pathlib.Path(KITH).resolve()

pytestmark = pytest.mark.skipif(kith_train() is None, reason="kith-train is not built")


def few(lines, key, values):
    return [line for line in lines if json.loads(line)[key] in values]


def write_few_essays(directory):
    """Two essays a split."""
    lines = (directory / "essays.jsonl").read_text().splitlines(keepends=True)
    kept = [line for split in ("train", "valid", "test") for line in few(lines, "split", {split})[:2]]
    (directory / "essays.jsonl").write_text("".join(kept))


def write_few_patients(directory):
    """One patient of each part."""
    for name, key in (("patients", "id"), ("questions", "patient")):
        file = directory / f"{name}.jsonl"
        file.write_text("".join(few(file.read_text().splitlines(keepends=True), key, {"pt01", "pt02"})))


@pytest.fixture
def tree(tmp_path):
    """A working directory like the repository's, with little to do in it."""
    for name in ("tools", "models"):
        (tmp_path / name).symlink_to(ROOT / name)
    for name in ("education", "medical"):
        shutil.copytree(f"examples/{name}", tmp_path / "examples" / name)
    write_few_essays(tmp_path / "examples/education")
    write_few_patients(tmp_path / "examples/medical")
    (tmp_path / "recipes").mkdir()
    for recipe in ("essay_pretrain", "adapter_essays", "adapter_medical"):
        text = pathlib.Path(f"recipes/{recipe}.toml").read_text()
        text = re.sub(r"(?m)^steps = .*$", "steps = 2\nvalidate_tokens = 512", text)
        text = re.sub(r"(?m)^(micro_)?batch_tokens = .*$", r"\1batch_tokens = 1024", text)
        (tmp_path / "recipes" / f"{recipe}.toml").write_text("threads = 1\n" + text)
    return tmp_path


def commands(heading):
    section = GUIDE.read_text().split(f"\n## {heading}")[1].split("\n## ")[0]
    return "".join(re.findall(r"^```sh\n(.*?)^```", section, re.M | re.S)).splitlines()


def run(command, directory):
    path = f"{PROGRAM.parent}:{kith_train().parent.resolve()}:{os.environ['PATH']}"
    environment = {**os.environ, "PATH": path, "KITH_SHARE": str(directory)}
    done = subprocess.run(command, shell=True, cwd=directory, env=environment, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def run_section(heading, tree):
    return {command: run(command, tree) for command in commands(heading)}


def test_education_measures_each_way(tree):
    output = run_section("Education", tree)
    measured = [text for command, text in output.items() if command.startswith("kith eval essays")]
    assert any("kappa_tuned" in text for text in measured) and any("kappa_tuned" not in text for text in measured)
    assert all("floor_length" in text and "no advice" in text for text in measured)


def test_medical_compares_the_memories(tree):
    output = run_section("Medical", tree)
    measured = [text for command, text in output.items() if command.startswith("kith eval patients") and "--write" not in command]
    assert measured and all(f"base_{use}" in text for text in measured for use in ("none", "short", "long", "both"))
    assert "tuned_both" in measured[-1] and "no advice" in measured[-1]
