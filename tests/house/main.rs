//! The house rules that the compiler does not keep inside one crate.
//!
//! The tests read the sources, so what breaks a rule is named with its file and line. Each rule is a function over text
//! with a test of its own that plants a fault; what does not keep to a rule yet is listed beside it, and the lists can
//! only become shorter.
//!
//! | file | rules |
//! |---|---|
//! | `rooms` | a room imports, and gives out, only what its row of the map in `lib.rs` names |
//! | `circles` | no files of a room import each other |
//! | `words` | shared rooms do not speak of one migration |
//! | `files` | size, docs, no logic in `mod.rs` |

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod circles;
mod files;
mod imports;
mod rooms;
mod source;
mod words;

use std::collections::BTreeSet;
use std::fs;

use source::{package, sources};

/// The engine is simulated, and a seed that fails has to fail again: `select!` polls its branches in
/// an order that chance sets, unless it is `biased`; a thread of its own comes when it comes.
#[test]
fn the_engine_takes_no_chances() {
    let mut broken = Vec::new();
    for source in sources() {
        if source.room() != "engine" {
            continue;
        }
        let code = source::code(&source.text);
        let lines: Vec<&str> = code.lines().collect();
        for (number, pair) in lines.windows(2).enumerate() {
            let unbiased = pair[0].contains("select! {") && pair[1].trim() != "biased;";
            let thread = pair[0].contains("spawn_blocking") || pair[0].contains("tokio::spawn");
            let is_test = source.path.starts_with("engine/tests/");
            if unbiased || (thread && !is_test) {
                broken.push(format!("{}:{}", source.path, number + 1));
            }
        }
    }
    assert!(broken.is_empty(), "left to chance:\n{}", broken.join("\n"));
}

#[test]
fn every_proof_that_the_security_page_names_is_there() {
    let page = fs::read_to_string(package().join("SECURITY.md")).unwrap();
    // What stands between two backticks.
    let named = page.split('`').enumerate();
    let named = named.filter_map(|(at, text)| (at % 2 == 1).then_some(text));
    let is_file = |text: &&str| text.starts_with("tests/") || text.starts_with("src/");
    let files: BTreeSet<&str> = named.filter(is_file).collect();
    assert!(files.len() > 10, "{files:?}");
    for file in files {
        assert!(package().join(file).is_file(), "SECURITY.md names {file}");
    }
}
