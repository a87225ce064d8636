#!/usr/bin/env bash
# Fuzzes every parser for SECONDS each (60 by default), by libFuzzer with AddressSanitizer and UBSan.   fuzz.sh [SECONDS [NAME...]]
# NAMEs are those of harnesses (json_schema). What was found lies in build/fuzz/found, and belongs into the harness's
# corpus, where `make test` replays it, once it is mended. Inputs that reach new code are kept in build/fuzz/corpus for the next run.
set -euo pipefail
cd "$(dirname "$0")/.."
seconds=${1:-60}
if ! [[ $seconds =~ ^[1-9][0-9]*$ ]]; then echo "usage: fuzz.sh [SECONDS [NAME...]]" >&2; exit 2; fi
shift || true
cmake --preset fuzz >/dev/null
cmake --build --preset fuzz

failed=()
while read -r fuzzer seeds; do
  name=$(basename "$fuzzer" _fuzz)
  name=${name#kith_}
  if (($# > 0)) && [[ " $* " != *" $name "* ]]; then continue; fi
  grown=build/fuzz/corpus/$name
  found=build/fuzz/found/$name
  log=build/fuzz/$name.log
  mkdir -p "$grown" "$found"
  # Ten seconds for 16 KB are a hang, 2 GB a bomb.
  if "$fuzzer" -max_total_time="$seconds" -max_len=16384 -timeout=10 -rss_limit_mb=2048 -print_final_stats=1 \
    -artifact_prefix="$found/" "$grown" "$seeds" >"$log" 2>&1; then
    echo "$name: $(sed -n 's/^stat::number_of_executed_units: *//p' "$log") inputs, nothing found"
  else
    failed+=("$name")
    echo "$name: FOUND $(sed -n 's/.*Test unit written to //p' "$log" | tail -1), see $log" >&2
  fi
done <build/fuzz/fuzzers.txt
if ((${#failed[@]} > 0)); then
  echo "fuzzers that failed: ${failed[*]}" >&2
  exit 1
fi
