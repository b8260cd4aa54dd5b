//! What the local checkpoint file holds.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{InstanceId, ItemId, MigrationName, Reason, Settled, UnitProgress};

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
