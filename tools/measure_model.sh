#!/bin/bash
# Measures a model directory and leaves what tools/make_model_card.py reads.
#   measure_model.sh KITH MODEL_DIR HELD_OUT_TEXT OUT_DIR
# KITH is the program; HELD_OUT_TEXT a .jsonl with members "text". About ten minutes on two cores.
set -euo pipefail
kith=$1 held_out=$3 out=$4
export KITH_MODEL_DIR=$2
mkdir -p "$out"
"$kith" eval answers --samples 20 > "$out/answers.txt"
"$kith" eval personas > "$out/personas.txt"
"$kith" eval voices > "$out/voices.txt"
"$kith" model perplexity "$held_out" --json > "$out/positions.json"
data=$(mktemp -d)
"$kith" demo --data "$data" --port 7791 > "$out/server.log" 2>&1 &
server=$!
trap 'kill $server; wait $server || true; rm -rf "$data"' EXIT
for _ in $(seq 120); do
  curl -sf http://127.0.0.1:7791/readyz > /dev/null && break
  sleep 1
done
python3 "$(dirname "$0")/measure_served.py" --url http://127.0.0.1:7791 > "$out/served.json"
