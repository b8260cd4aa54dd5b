//! The marks of all units of a run, for the checkpoint file.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use crate::model::{Mark, UnitId};

use super::Tracker;

/// Every unit that was begun and has not ended: trackers of those in hand, marks of the others. A unit that ended and
/// whose row says so leaves it: memory and file are bounded by what is open, however many units a plan has.
#[derive(Debug, Default)]
pub(crate) struct Board {
    units: Mutex<BTreeMap<UnitId, Entry>>,
}

#[derive(Debug)]
enum Entry {
    InHand(Arc<Mutex<Tracker>>),
    Resting(Box<Mark>),
    /// As an earlier process left it in the file.
    Earlier(Box<Mark>),
}

impl Board {
    /// A board with what an earlier run left.
    pub(crate) fn new(marks: Vec<Mark>) -> Self {
        let units = marks
            .into_iter()
            .map(|mark| (mark.progress.unit.clone(), Entry::Earlier(Box::new(mark))))
            .collect();
        Self {
            units: Mutex::new(units),
        }
    }

    /// What is known of a unit.
    pub(crate) fn mark(&self, unit: &UnitId) -> Option<Mark> {
        self.lock().get(unit).map(Entry::mark)
    }

    /// Whether what is known of a unit is by an earlier process alone.
    pub(crate) fn is_earlier(&self, unit: &UnitId) -> bool {
        matches!(self.lock().get(unit), Some(Entry::Earlier(_)))
    }

    /// Follows a unit while it is in hand.
    pub(crate) fn follow(&self, unit: &UnitId, tracker: &Arc<Mutex<Tracker>>) {
        let entry = Entry::InHand(Arc::clone(tracker));
        self.lock().insert(unit.clone(), entry);
    }

    /// Notes what is known of a unit that was never in hand.
    pub(crate) fn note(&self, mark: Mark) {
        let unit = mark.progress.unit.clone();
        self.lock().insert(unit, Entry::Resting(Box::new(mark)));
    }

    /// Keeps what is known of a unit that is in hand no more.
    pub(crate) fn rest(&self, unit: &UnitId) {
        let mut units = self.lock();
        if let Some(entry) = units.get_mut(unit) {
            *entry = Entry::Resting(Box::new(entry.mark()));
        }
    }

    /// Forgets a unit: another works on it, and knows better.
    pub(crate) fn forget(&self, unit: &UnitId) {
        self.lock().remove(unit);
    }

    /// Everything, as it is now.
    pub(crate) fn marks(&self) -> Vec<Mark> {
        self.lock().values().map(Entry::mark).collect()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<UnitId, Entry>> {
        self.units.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Entry {
    fn mark(&self) -> Mark {
        match self {
            Self::InHand(tracker) => tracker
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .mark(),
            Self::Resting(mark) | Self::Earlier(mark) => (**mark).clone(),
        }
    }
}
