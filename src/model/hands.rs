//! Units in hand, and what each of them added to a run's counters.

use std::collections::BTreeMap;

use super::{Counts, InstanceId, Reason, UnitId};

/// What one unit added to the counters of its run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hand {
    /// The unit.
    pub unit: UnitId,
    /// Whose it is, when it was taken to help: then it adds nothing to the run's own counters.
    pub from: Option<InstanceId>,
    /// Its settled items, those of earlier runs too.
    pub counts: Counts,
    /// The bad ones, by reason.
    pub reasons: BTreeMap<Reason, u64>,
}

/// Units in hand, and those that left it without their last word: taken up again, a unit replaces
/// what it added before.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Hands {
    held: Vec<Hand>,
    left: Vec<Hand>,
}

impl Hands {
    /// Notes that a unit is about to come into hand to help.
    pub(super) fn help(&mut self, unit: &UnitId, from: &InstanceId) {
        self.held.push(Hand {
            unit: unit.clone(),
            from: Some(from.clone()),
            counts: Counts::default(),
            reasons: BTreeMap::new(),
        });
    }

    /// A unit comes into hand; gives what it added when it was in hand before.
    pub(super) fn take(
        &mut self,
        unit: &UnitId,
        counts: Counts,
        reasons: &BTreeMap<Reason, u64>,
    ) -> Option<Hand> {
        let before = self.left.iter().position(|hand| hand.unit == *unit);
        self.held.push(Hand {
            unit: unit.clone(),
            from: None,
            counts,
            reasons: reasons.clone(),
        });
        before.map(|place| self.left.swap_remove(place))
    }

    /// The unit, if it is in hand.
    pub(super) fn get(&mut self, unit: &UnitId) -> Option<&mut Hand> {
        self.held.iter_mut().find(|hand| hand.unit == *unit)
    }

    /// A unit has its last word.
    pub(super) fn end(&mut self, unit: &UnitId) -> Option<Hand> {
        let place = self.held.iter().position(|hand| hand.unit == *unit)?;
        Some(self.held.swap_remove(place))
    }

    /// A unit leaves without its last word; whether it was in hand to help.
    pub(super) fn drop(&mut self, unit: &UnitId) -> bool {
        match self.end(unit) {
            Some(hand) if hand.from.is_some() => true,
            Some(hand) => {
                self.left.push(hand);
                false
            }
            None => false,
        }
    }
}
