//! The known pitfalls of this migration (docs/protocol/pitfalls.md), and what holds each of them.
//!
//! Prints one line for each, so that none is forgotten, and fails if one is missing from the list, stands in it
//! twice, or names a test that the sources do not have. Has no test harness: what a harness prints of a test that
//! passes is nothing.

#![expect(clippy::print_stdout, reason = "the list is the output")]

mod check;
mod deciding;
mod operating;
mod resuming;

use std::process::ExitCode;

use check::{Held, Pitfall};

/// How many pitfalls are known.
const KNOWN: u32 = 86;

fn all() -> Vec<&'static Pitfall> {
    [deciding::ALL, resuming::ALL, operating::ALL]
        .into_iter()
        .flatten()
        .collect()
}

fn main() -> ExitCode {
    // Arguments are filters of the other targets: they choose no pitfall.
    for pitfall in all() {
        let (number, what) = (pitfall.number, pitfall.what);
        match &pitfall.held {
            Held::By(tests) => println!(
                "pitfall {number:>2}: {what}\n    by {}",
                tests.join("\n    by ")
            ),
            Held::NotOurs(why) => println!("pitfall {number:>2}: {what}\n    not ours: {why}"),
        }
    }
    let faults = check::faults(&all(), KNOWN);
    for fault in &faults {
        println!("FAULT {fault}");
    }
    println!("{} pitfalls, {} faults", all().len(), faults.len());
    if faults.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}
