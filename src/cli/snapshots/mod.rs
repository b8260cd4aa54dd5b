//! Texts that operators read, held as files in `tests/cli/snapshots`, so that a change of wording is reviewed like code.
//!
//! `STERNA_SNAPSHOTS=update cargo test --lib snapshots` writes them again.

mod help;
mod reports;
mod runs;
mod stored;
mod views;

use stored::Stored;
