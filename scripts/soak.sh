#!/usr/bin/env bash
# Long suites, outside `make test`: every parser's fuzz corpus with mutations under sanitizers, and all evaluations.
set -euo pipefail
cd "$(dirname "$0")/.."
cmake --preset asan >/dev/null
cmake --build --preset asan
ctest --preset asan -j "$(nproc)"
for suite in answers personas voices; do
  build/test/kith eval "$suite" --json
done
