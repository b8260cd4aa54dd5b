#!/usr/bin/env bash
# Everything a change must pass. `--interop` adds the suites against the network's own
# JavaScript libraries, which need Node.
set -euo pipefail
cd "$(dirname "$0")/.."

step() { printf '\n== %s (%ss)\n' "$1" "$SECONDS"; }

step "format"
cargo fmt --all --check

step "lints"
cargo clippy --all-targets -- -D warnings

step "dependencies"
scripts/dependencies.sh

step "tests"
cargo test

step "memory over a million effects, in a process of its own"
cargo test --lib -- --ignored --exact engine::tests::rolling::many::memory_does_not_grow_with_the_number_of_effects

step "kill and freeze processes until a world is migrated"
cargo build
python3 scripts/chaos

step "a production build leaves the sandbox out"
cargo clippy --no-default-features -- -D warnings

step "documentation"
RUSTDOCFLAGS="-D warnings" cargo doc --no-deps

if [ "${1:-}" = "--interop" ]; then
  step "interop"
  tests/interop/run.sh
fi

step "done"
