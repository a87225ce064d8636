#!/usr/bin/env bash
# clang-tidy over everything but the trainer, as far as it has changed since it last passed.   tidy.sh [PATH...]
set -euo pipefail
cd "$(dirname "$0")/.."
cmake --preset tidy >/dev/null
exec python3 tools/tidy.py build/tidy "${JOBS:-$(nproc)}" "$@"
