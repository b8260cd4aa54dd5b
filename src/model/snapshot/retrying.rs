//! Items that wait for their next attempt.

use std::collections::BTreeSet;

use crate::model::{ItemId, UnitId};

/// Items that wait for their next attempt.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Retrying {
    items: BTreeSet<(UnitId, ItemId)>,
}

impl Retrying {
    /// How many wait.
    #[must_use]
    pub fn len(&self) -> usize {
        self.items.len()
    }

    /// Whether none waits.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    pub(super) fn insert(&mut self, unit: &UnitId, item: &ItemId) {
        self.items.insert((unit.clone(), item.clone()));
    }

    pub(super) fn remove(&mut self, unit: &UnitId, item: &ItemId) -> bool {
        // Items seldom wait, so the key is made only if any does.
        !self.items.is_empty() && self.items.remove(&(unit.clone(), item.clone()))
    }
}
