//! Units that are known to be their customer's.

use std::collections::BTreeSet;

use crate::model::UnitId;

/// Units that are remembered to be their customer's.
const REMEMBERED: usize = 4_096;

/// Units that were found to be their customer's.
#[derive(Debug, Default)]
pub(crate) struct Confirmed(std::sync::Mutex<BTreeSet<UnitId>>);

impl Confirmed {
    pub(super) fn has(&self, unit: &UnitId) -> bool {
        self.units().contains(unit)
    }

    pub(super) fn add(&self, unit: &UnitId) {
        let mut units = self.units();
        if units.len() == REMEMBERED {
            units.clear();
        }
        units.insert(unit.clone());
    }

    fn units(&self) -> std::sync::MutexGuard<'_, BTreeSet<UnitId>> {
        let units = self.0.lock();
        units.unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}
