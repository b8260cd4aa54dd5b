//! What makes a plan this plan and no other: a digest of who does what.
//!
//! Counts of uploads are no part of it, nor when and by whom it was made: as long as the same spaces go to the same
//! instances, it is the same plan. Of a customer that is whole its spaces are no part either, because an instance does
//! all that it has when its turn comes.

use std::fmt::Write as _;

use aws_lc_rs::digest::{Context, SHA256};

use super::distribute::Plan;
use crate::model::PlanId;

/// Names the shape of the text that is digested.
const SHAPE: &str = "sterna.plan 1";

/// The id of a plan for the state that `state` names (environment and tables).
#[must_use]
pub fn identify(plan: &Plan, state: &str) -> PlanId {
    let mut digest = Context::new(&SHA256);
    // No name holds a line break, so that each line has one meaning.
    let mut line = |word: &str, text: &str| {
        for part in [word, " ", text, "\n"] {
            digest.update(part.as_bytes());
        }
    };
    line("shape", SHAPE);
    line("state", state);
    for share in &plan.shares {
        line("share", "");
        for portion in &share.portions {
            line("customer", portion.customer.as_str());
            if portion.part {
                for (space, _) in &portion.spaces {
                    line("space", space.as_str());
                }
            }
        }
    }
    let mut text = String::with_capacity(64);
    for byte in digest.finish().as_ref() {
        let _ = write!(text, "{byte:02x}");
    }
    PlanId::new(text)
}
