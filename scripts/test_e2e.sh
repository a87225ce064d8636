#!/usr/bin/env bash
# Starts real servers and talks to them with the official openai client.
set -euo pipefail
cd "$(dirname "$0")/.."
export KITH_PROGRAM=${KITH_PROGRAM:-build/test/kith}
venv=build/e2e-venv
if [[ ! -x $venv/bin/pytest || tests/e2e/requirements.txt -nt $venv/.installed ]]; then
  python3 -m venv "$venv"
  "$venv/bin/pip" install --quiet --disable-pip-version-check -r tests/e2e/requirements.txt
  touch "$venv/.installed"
fi
exec "$venv/bin/pytest" -q -x --no-header -p no:cacheprovider tests/e2e "$@"
