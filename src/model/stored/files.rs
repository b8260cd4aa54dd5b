//! What the local files hold: the checkpoint, and the lines of the effect journal.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::model::{
    Effect, Failure, InstanceId, ItemId, MigrationName, Reason, RunId, Settled, StepName, UnitId,
    UnitProgress,
};

/// The shape of [`Checkpoint`]; a file of another version is refused.
pub const CHECKPOINT_VERSION: u32 = 1;

/// All that one instance knows of its units. A cache of what the tables say and a little more:
/// it may be deleted at any time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Checkpoint {
    /// The migration.
    pub migration: MigrationName,
    /// The instance.
    pub instance: InstanceId,
    /// What the state belongs to (environment, tables); another is refused.
    pub fingerprint: String,
    /// When it was taken, Unix milliseconds.
    pub taken_at: u64,
    /// Every unit that was begun.
    pub units: Vec<Mark>,
}

/// One unit in a checkpoint.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mark {
    /// How far it is.
    pub progress: UnitProgress,
    /// Items above the cursor that are settled already, with their reason when they are bad.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub above: BTreeMap<ItemId, (Settled, Option<Reason>)>,
}

impl Checkpoint {
    /// A checkpoint without units.
    #[must_use]
    pub fn new(
        migration: MigrationName,
        instance: InstanceId,
        fingerprint: impl Into<String>,
    ) -> Self {
        Self {
            migration,
            instance,
            fingerprint: fingerprint.into(),
            taken_at: 0,
            units: Vec::new(),
        }
    }
}

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
    /// This effect is about to be made; durable before it is. Whatever becomes of it, a rollback
    /// looks whether it is there.
    Intended(Effect),
    /// The effect was made.
    Applied(Effect),
    /// It was found done, and was not begun by us.
    Found,
    /// It was tried and did not work out, or may have.
    Failed(Failure),
    /// A look at the world after the last effect showed all needs met.
    Verified,
    /// A rollback is about to take the effect back.
    Undoing(Effect),
    /// A look at the world showed the effect gone, or others still need what it made.
    Undone(Effect),
}
