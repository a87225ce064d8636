#!/usr/bin/env bash
# Installs what Kith needs on Debian 12.   setup.sh run   to build and serve;   setup.sh test   everything, trainer included;
# setup.sh clang   also the fuzzers and clang-tidy.
# Installs nothing that is there already, so a repeat takes a second.
set -euo pipefail

run_packages=(
  ca-certificates g++ cmake ninja-build python3 nodejs npm
  libdnnl-dev liblinear-dev libsqlitecpp-dev libsqlite3-dev libboost1.81-dev libutf8proc-dev libpcre2-dev libcld2-dev libsodium-dev
  prometheus-cpp-dev libstemmer-dev pkg-config libcurl4-openssl-dev libssl-dev zlib1g-dev nlohmann-json3-dev libcli11-dev libtomlplusplus-dev libspdlog-dev libfmt-dev)
test_packages=(
  libgtest-dev libgmock-dev libtorch-dev libopenblas0-pthread libgloo-dev
  clang-format-14 chromium python3-venv)
clang_packages=(clang-14 clang-tidy-14 libclang-rt-14-dev)

case "${1:-}" in
  run) packages=("${run_packages[@]}") ;;
  test) packages=("${run_packages[@]}" "${test_packages[@]}") ;;
  clang) packages=("${run_packages[@]}" "${test_packages[@]}" "${clang_packages[@]}") ;;
  *) echo "usage: setup.sh run|test|clang" >&2; exit 2 ;;
esac

# A Node from elsewhere brings its own npm, and Debian's npm would conflict with it.
have_npm=$(command -v npm || true)
missing=()
for package in "${packages[@]}"; do
  if [[ -n $have_npm && ( $package == nodejs || $package == npm ) ]]; then continue; fi
  if ! dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q '^install ok installed'; then missing+=("$package"); fi
done
if ((${#missing[@]} == 0)); then exit 0; fi

sudo=""
if ((EUID != 0)); then sudo=sudo; fi
echo "installing: ${missing[*]}"
export DEBIAN_FRONTEND=noninteractive
$sudo apt-get update -qq
$sudo apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
