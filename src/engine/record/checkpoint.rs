//! The checkpoints of all units of a run, for the checkpoint file.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use crate::model::{UnitCheckpoint, UnitId};

use super::Tracker;

/// Every unit that was started and has not ended: trackers of leased units, checkpoints of the others. A unit whose row
/// says that it ended is removed, so that memory and file are bounded by the open units.
#[derive(Debug, Default)]
pub(crate) struct CheckpointState {
    units: Mutex<BTreeMap<UnitId, Entry>>,
}

#[derive(Debug)]
enum Entry {
    Leased(Arc<Mutex<Tracker>>),
    Resting(Box<UnitCheckpoint>),
    /// From the file of an earlier process.
    Earlier(Box<UnitCheckpoint>),
}

impl CheckpointState {
    /// Starts with the checkpoints of an earlier run.
    pub(crate) fn new(checkpoints: Vec<UnitCheckpoint>) -> Self {
        let units = checkpoints
            .into_iter()
            .map(|checkpoint| {
                (
                    checkpoint.progress.unit.clone(),
                    Entry::Earlier(Box::new(checkpoint)),
                )
            })
            .collect();
        Self {
            units: Mutex::new(units),
        }
    }

    /// The checkpoint of a unit.
    pub(crate) fn checkpoint_of(&self, unit: &UnitId) -> Option<UnitCheckpoint> {
        self.lock().get(unit).map(Entry::checkpoint)
    }

    /// Whether the checkpoint of a unit is only from an earlier process.
    pub(crate) fn is_earlier(&self, unit: &UnitId) -> bool {
        matches!(self.lock().get(unit), Some(Entry::Earlier(_)))
    }

    /// Follows a unit while it is leased.
    pub(crate) fn follow(&self, unit: &UnitId, tracker: &Arc<Mutex<Tracker>>) {
        let entry = Entry::Leased(Arc::clone(tracker));
        self.lock().insert(unit.clone(), entry);
    }

    /// Stores the checkpoint of a unit that was not leased.
    pub(crate) fn note(&self, checkpoint: UnitCheckpoint) {
        let unit = checkpoint.progress.unit.clone();
        self.lock()
            .insert(unit, Entry::Resting(Box::new(checkpoint)));
    }

    /// Keeps the checkpoint of a unit that is no longer leased.
    pub(crate) fn rest(&self, unit: &UnitId) {
        let mut units = self.lock();
        if let Some(entry) = units.get_mut(unit) {
            *entry = Entry::Resting(Box::new(entry.checkpoint()));
        }
    }

    /// Removes a unit, because another works on it or it ended.
    pub(crate) fn forget(&self, unit: &UnitId) {
        self.lock().remove(unit);
    }

    /// All checkpoints now.
    pub(crate) fn checkpoints(&self) -> Vec<UnitCheckpoint> {
        self.lock().values().map(Entry::checkpoint).collect()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<UnitId, Entry>> {
        self.units.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Entry {
    fn checkpoint(&self) -> UnitCheckpoint {
        match self {
            Self::Leased(tracker) => tracker
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .checkpoint(),
            Self::Resting(checkpoint) | Self::Earlier(checkpoint) => (**checkpoint).clone(),
        }
    }
}
