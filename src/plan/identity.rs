//! What makes a plan this plan and no other: a digest of who does what.
//!
//! Counts of items are no part of it, nor when and by whom it was made: as long as the same units go to the same
//! instances, it is the same plan. A unit more or less is another one, also of an owner that is whole: plans of
//! different worlds have different ids, and whoever reads an id knows which units were counted.

use std::fmt::Write as _;

use aws_lc_rs::digest::{Context, SHA256};

use super::shares::Plan;
use crate::model::{PlanId, StateIdentity, Vocabulary};

/// Names the shape of the text that is digested.
const SHAPE: &str = "sterna.plan 2";

/// The id of a plan for these tables; the words of the migration are a part of what is digested.
#[must_use]
pub fn identify(plan: &Plan, state: &StateIdentity, words: &Vocabulary) -> PlanId {
    let mut digest = Context::new(&SHA256);
    // No name holds a line break, so that each line has one meaning.
    let mut line = |word: &str, text: &str| {
        for part in [word, " ", text, "\n"] {
            digest.update(part.as_bytes());
        }
    };
    line("shape", SHAPE);
    line("state", &state.to_string());
    for share in &plan.shares {
        line("share", "");
        for portion in &share.portions {
            let whole = words.owner.one;
            line(if portion.part { "part" } else { whole }, &portion.owner);
            for load in &portion.loads {
                line(words.unit.one, &load.unit.name);
            }
        }
    }
    let mut text = String::with_capacity(64);
    for byte in digest.finish().as_ref() {
        let _ = write!(text, "{byte:02x}");
    }
    PlanId::new(text)
}
