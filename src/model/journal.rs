//! Lines of the effect journal.

use serde::{Deserialize, Serialize};

use super::{Effect, Failure, ItemId, RunId, StepName, UnitId};

/// The shape of [`JournalRecord`].
pub const JOURNAL_VERSION: u32 = 1;

/// One line: what happened to one need of one step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct JournalRecord {
    /// The shape, [`JOURNAL_VERSION`].
    pub v: u32,
    /// When, Unix milliseconds.
    pub at: u64,
    /// The run that wrote it.
    pub run: RunId,
    /// The unit.
    pub unit: UnitId,
    /// The item; none for a step of the unit itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub item: Option<ItemId>,
    /// The step; none for a record of the item as a whole.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step: Option<StepName>,
    /// What happened.
    pub entry: JournalEntry,
}

/// See [`JournalRecord`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum JournalEntry {
    /// A need is about to be put right; durable before the effect is.
    Started {
        /// What the need is about.
        subject: String,
    },
    /// The effect was made.
    Applied(Effect),
    /// It was found done, and was not begun by us.
    Found,
    /// It was tried and did not work out, or may have.
    Failed(Failure),
    /// A look at the world after the last effect showed all needs met.
    Verified,
}
