#!/usr/bin/env bash
# What runs on many threads, under ThreadSanitizer: the tests of its modules, then the whole server under random load.
# KITH_LOAD_SECONDS says how long (see src/kith/runtime/load/options.h).
set -euo pipefail
cd "$(dirname "$0")/.."
modules=(base tensor nn model grammar engine storage personalize server runtime)
export KITH_SOURCE_DIR=$PWD
# oneDNN's own OpenMP cannot be watched, and one thread of it needs no watching: teams are ours here.
export OMP_NUM_THREADS=1
export TSAN_OPTIONS="suppressions=$PWD/cmake/tsan.supp halt_on_error=0 second_deadlock_stack=1 ${TSAN_OPTIONS:-}"
cmake --preset tsan >/dev/null
targets=("${modules[@]/#/kith_}")
cmake --build --preset tsan --target kith_load_test "${targets[@]/%/_test}"
for module in "${modules[@]}"; do
  echo "== $module"
  "build/tsan/src/kith/$module/kith_${module}_test" --gtest_brief=1
done
echo "== load"
KITH_LOAD_SECONDS=${KITH_LOAD_SECONDS:-180} KITH_LOAD_PATIENCE=${KITH_LOAD_PATIENCE:-300} KITH_LOAD_THREADS=2 \
  build/tsan/src/kith/runtime/kith_load_test
