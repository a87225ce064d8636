#!/usr/bin/env bash
# Makes build/peft-venv with torch, transformers and peft from PyPI (gigabytes), for the tests that load what Kith exports.
# Without it, or another Python named by KITH_PEFT_PYTHON, those tests are skipped, visibly.
set -euo pipefail
cd "$(dirname "$0")/.."
venv=build/peft-venv
python3 -m venv "$venv"
"$venv/bin/pip" install --quiet --disable-pip-version-check "torch>=2" "transformers>=4.45" "peft>=0.12"
