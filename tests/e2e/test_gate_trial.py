"""A version on its way from the training through the gate to serving, and one that is bad on purpose."""
import json
import os
import pathlib
import subprocess
import sys
import time

import pytest

from conftest import KITH

PROGRAM = pathlib.Path(KITH).resolve()
TRAINERS = [PROGRAM.parent / "kith-train", PROGRAM.parent / "src/apps/kith_train/kith-train"]

pytestmark = pytest.mark.skipif("KITH_TRAIN" not in os.environ and not any(t.exists() for t in TRAINERS), reason="kith-train is not built")

# Few and small steps at a high rate: enough to learn something, and to forget something.
RECIPE = """seed = 1
bf16 = true
[lora]
rank = 8
alpha = 16
[[stage]]
until = 1.0
sequence = 512
[optimizer]
learning_rate = 1e-3
schedule = "cosine"
warmup_steps = 2
weight_decay = 0.0
[run]
batch_tokens = 1024
micro_batch_tokens = 1024
validate_every = 0
"""


def test_a_good_version_serves_and_one_with_shuffled_answers_is_refused(tmp_path):
    recipe = tmp_path / "quick.toml"
    recipe.write_text(RECIPE)
    out = tmp_path / "trial"
    start = time.monotonic()
    done = subprocess.run([sys.executable, "tools/gate_trial.py", "--out", out, "--kith", PROGRAM, "--recipe", recipe, "--steps", "16",
                           "--rows", "16", "--only", "good,shuffled"], capture_output=True, text=True, timeout=600)
    print(f"{time.monotonic() - start:.1f} s\n{done.stdout}")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "serves: good" in done.stdout
    reports = json.loads((out / "report.json").read_text())
    assert reports["good"]["passed"] and not reports["shuffled"]["passed"]
    listed = subprocess.run([PROGRAM, "persona", "versions", "leadership", "--json", "--data", out / "installation"],
                            capture_output=True, text=True, check=True)
    assert json.loads(listed.stdout)["serving"] == 1
