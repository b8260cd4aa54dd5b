#!/usr/bin/env bash
# The suites that need Node: installs the pinned packages, builds the binary, runs every test.
#
# `*.test.mjs`: the network's own clients against the sandbox; `engine.test.mjs`: Sterna on a second AWS engine
# (Python 3). The test target `interop`: our clients against the network's own services.
set -euo pipefail
cd "$(dirname "$0")"
if ! command -v node >/dev/null; then
  echo "interop: Node 20 or newer is needed and is not on this machine" >&2
  exit 1
fi
npm ci --no-audit --no-fund --ignore-scripts --loglevel=error
(cd ../.. && cargo build)
export STERNA_BIN="${STERNA_BIN:-${CARGO_TARGET_DIR:-$(cd ../.. && pwd)/target}/debug/sterna}"
export NODE_NO_WARNINGS=1
(cd ../.. && cargo test --test interop -- --include-ignored)
node --test --test-concurrency=1 --test-timeout=900000 .
