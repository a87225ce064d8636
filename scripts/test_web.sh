#!/usr/bin/env bash
# Tests the web page: unit tests, then the page in Debian's Chromium against a mock server, and
# against a real one if KITH_E2E_URL names it. Downloads no browser. Further arguments go to
# Playwright.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
"$here/build_web.sh"
cd "$here/../web"

npm run --silent check
npm run --silent test:unit

export CHROMIUM=${CHROMIUM:-$(command -v chromium || true)}
if [[ -z $CHROMIUM ]]; then
  echo "test_web.sh: chromium is needed (Debian: apt-get install chromium), or name one in CHROMIUM" >&2
  exit 1
fi
# A free port, so that two runs on one machine do not meet.
MOCK_PORT=${MOCK_PORT:-$(node -e 'const s=require("net").createServer().listen(0,"127.0.0.1",()=>{console.log(s.address().port);s.close()})')}
KITH_WEB_TEST_OUTPUT=$(mktemp -d)
export MOCK_PORT KITH_WEB_TEST_OUTPUT
if npm run --silent test:page -- "$@"; then
  rm -rf "$KITH_WEB_TEST_OUTPUT"
else
  echo "test_web.sh: what failed is in $KITH_WEB_TEST_OUTPUT" >&2
  exit 1
fi
