#!/usr/bin/env bash
# Builds the web page into web/dist. A repeat without changes takes no time; packages are installed
# only when the lock file changed.
set -euo pipefail
cd "$(dirname "$0")/../web"

fail() { echo "build_web.sh: $*" >&2; exit 1; }

command -v node >/dev/null || fail "Node.js is needed for the web page (Debian: apt-get install nodejs npm)"
command -v npm >/dev/null || fail "npm is needed for the web page (Debian: apt-get install npm)"
major=$(node -p 'process.versions.node.split(".")[0]')
((major >= 18)) || fail "Node.js 18 or newer is needed, this is $(node --version)"

sources=(src public index.html vite.config.ts tsconfig.json package.json package-lock.json)
newest_change() { find "${sources[@]}" -newer "$1" -print -quit; }

built=dist/.built
# A removed file leaves its folder newer, so folders are compared as well.
if [[ -f $built && -z $(newest_change "$built") ]]; then exit 0; fi

# npm removes its own mark when an installation breaks off, hence ours after it has succeeded.
lock_digest=$(sha256sum package-lock.json | cut -d' ' -f1)
mark=node_modules/.lock-digest
if [[ ! -f $mark || $(<"$mark") != "$lock_digest" ]]; then
  echo "web: installing packages"
  npm ci --no-audit --no-fund --loglevel=error
  echo "$lock_digest" >"$mark"
fi

# Taken before the build: a file that changes meanwhile is newer than the mark.
start=$(mktemp)
trap 'rm -f "$start"' EXIT
npm run --silent build -- --logLevel warn
touch -r "$start" "$built"
echo "web: built web/dist"
