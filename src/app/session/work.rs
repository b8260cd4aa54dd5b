//! What a command works on, once its scope is resolved.

use std::collections::BTreeSet;

use crate::engine::Job;
use crate::model::{ItemId, Unit, UnitId};

/// Whole units, or single items.
#[derive(Debug, Clone)]
pub enum Work {
    /// Whole units.
    Units(Vec<Unit>),
    /// Single items.
    Items(Vec<(UnitId, ItemId)>),
}

impl Work {
    /// Whose units or items these are.
    #[must_use]
    pub fn owners(&self) -> BTreeSet<String> {
        match self {
            Self::Units(units) => units.iter().map(|unit| unit.id.owner.to_string()).collect(),
            Self::Items(items) => items
                .iter()
                .map(|(unit, _)| unit.owner.to_string())
                .collect(),
        }
    }

    /// Whether there is nothing to work on.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        match self {
            Self::Units(units) => units.is_empty(),
            Self::Items(items) => items.is_empty(),
        }
    }
}

impl From<Work> for Job {
    fn from(work: Work) -> Self {
        match work {
            Work::Units(units) => Self::Units(units),
            Work::Items(items) => Self::Items(items),
        }
    }
}
