//! What is shared out: units with their weight, alone or together.

use crate::model::UnitId;

/// What one unit holds.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Load {
    /// The unit.
    pub unit: UnitId,
    /// How many items it has.
    pub items: u64,
}

/// All units of an owner, or one of them: what is moved as a whole.
#[derive(Debug, Clone)]
pub(super) struct Piece {
    pub(super) weight: u64,
    pub(super) loads: Vec<Load>,
}

impl Piece {
    pub(super) fn of(loads: &[Load]) -> Self {
        Self {
            weight: loads.iter().map(|load| weigh(load.items)).sum(),
            loads: loads.to_vec(),
        }
    }
}

/// What a unit costs, in sixteenths of an item: an empty unit still has to be listed.
#[must_use]
pub fn weigh(items: u64) -> u64 {
    items.saturating_mul(16).saturating_add(1)
}
