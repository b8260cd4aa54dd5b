//! The state of one decision.

use std::cell::Cell;

use super::flaw::Flaws;
use super::{Context, Unauthorized};

/// Delegations that one decision looks at, repeats counted. Honest chains need a handful.
const BUDGET: u32 = 2_000;
/// A refused claim.
pub(super) struct Refusal {
    pub(super) message: String,
    /// Something matched, but its own proofs failed.
    pub(super) matched: bool,
}

/// One decision.
pub(super) struct Walk<'a> {
    pub(super) context: &'a Context<'a>,
    pub(super) budget: Cell<u32>,
    pub(super) flaws: Flaws,
}

impl<'a> Walk<'a> {
    pub(super) fn new(context: &'a Context<'a>) -> Self {
        Self {
            context,
            budget: Cell::new(BUDGET),
            flaws: Flaws::default(),
        }
    }

    /// The end of a walk that proved nothing.
    pub(super) fn refused(self, message: String) -> Unauthorized {
        Unauthorized {
            message,
            flaws: self.flaws.into_vec(),
        }
    }
}
