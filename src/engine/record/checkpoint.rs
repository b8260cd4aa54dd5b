//! The checkpoints of all units of a run, for the checkpoint file.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use crate::model::{UnitCheckpoint, UnitId};

use super::Tracker;

/// Every unit that was begun and has not ended: trackers of those leased, checkpoints of the others. A unit that ended and
/// whose row says so leaves it: memory and file are bounded by what is open, however many units a plan has.
#[derive(Debug, Default)]
pub(crate) struct CheckpointState {
    units: Mutex<BTreeMap<UnitId, Entry>>,
}

#[derive(Debug)]
enum Entry {
    Leased(Arc<Mutex<Tracker>>),
    Resting(Box<UnitCheckpoint>),
    /// As an earlier process left it in the file.
    Earlier(Box<UnitCheckpoint>),
}

impl CheckpointState {
    /// The state with what an earlier run left.
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

    /// What is known of a unit.
    pub(crate) fn checkpoint_of(&self, unit: &UnitId) -> Option<UnitCheckpoint> {
        self.lock().get(unit).map(Entry::checkpoint)
    }

    /// Whether what is known of a unit is by an earlier process alone.
    pub(crate) fn is_earlier(&self, unit: &UnitId) -> bool {
        matches!(self.lock().get(unit), Some(Entry::Earlier(_)))
    }

    /// Follows a unit while it is leased.
    pub(crate) fn follow(&self, unit: &UnitId, tracker: &Arc<Mutex<Tracker>>) {
        let entry = Entry::Leased(Arc::clone(tracker));
        self.lock().insert(unit.clone(), entry);
    }

    /// Notes what is known of a unit that was never leased.
    pub(crate) fn note(&self, checkpoint: UnitCheckpoint) {
        let unit = checkpoint.progress.unit.clone();
        self.lock()
            .insert(unit, Entry::Resting(Box::new(checkpoint)));
    }

    /// Keeps what is known of a unit that is leased no more.
    pub(crate) fn rest(&self, unit: &UnitId) {
        let mut units = self.lock();
        if let Some(entry) = units.get_mut(unit) {
            *entry = Entry::Resting(Box::new(entry.checkpoint()));
        }
    }

    /// Forgets a unit: another works on it, and knows better.
    pub(crate) fn forget(&self, unit: &UnitId) {
        self.lock().remove(unit);
    }

    /// Everything, as it is now.
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
