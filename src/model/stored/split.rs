//! How a large unit is split into parts: ranges of its items that instances share.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::model::{Counts, Epoch, ItemId, PartId, Reason, UnitId};

/// A range of items in their order: those after `after`, up to and including `until`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ItemRange {
    /// The last item before the range; `None` for a range from the first item.
    pub after: Option<ItemId>,
    /// The last item of the range; `None` for a range to the last item.
    pub until: Option<ItemId>,
}

impl ItemRange {
    /// Whether an item lies in the range.
    #[must_use]
    pub fn contains(&self, item: &ItemId) -> bool {
        self.after.as_ref().is_none_or(|after| item > after) && !self.passes(item)
    }

    /// Whether an item lies after the range.
    #[must_use]
    pub fn passes(&self, item: &ItemId) -> bool {
        self.until.as_ref().is_some_and(|until| item > until)
    }

    /// The rest of the range after a cursor.
    #[must_use]
    pub fn from(&self, cursor: Option<ItemId>) -> Self {
        Self {
            after: cursor.or_else(|| self.after.clone()),
            until: self.until.clone(),
        }
    }
}

/// The state of the parts of a split.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Stage {
    /// They are in progress.
    Open,
    /// No instance may work on them. Their rows are to be removed.
    Closed,
    /// Their rows are removed.
    Gone,
}

/// How a unit is split. Decided once, and written into the row of the unit before any part exists.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Split {
    /// The epoch of the lease under which it was split.
    pub cut: Epoch,
    /// The number of parts.
    pub number: u32,
    /// Their state.
    pub stage: Stage,
    /// The last item of each part (`None` for the last part) and the number of its items; empty once the split is
    /// closed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub parts: Vec<(Option<ItemId>, u64)>,
    /// What was settled before the split: it belongs to the first part.
    #[serde(default)]
    pub before: Counts,
    /// Its bad items, by reason.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub reasons: BTreeMap<Reason, u64>,
}

impl Split {
    /// The ids of all parts of the unit, in order.
    pub fn ids(&self, unit: &UnitId) -> impl Iterator<Item = UnitId> + use<> {
        let (cut, unit) = (self.cut, unit.whole());
        (0..self.number).map(move |number| unit.part(PartId { cut, number }))
    }

    /// The items of a part.
    #[must_use]
    pub fn range(&self, number: u32) -> Option<ItemRange> {
        let place = usize::try_from(number).ok()?;
        let (until, _) = self.parts.get(place)?;
        let before = place.checked_sub(1).and_then(|place| self.parts.get(place));
        Some(ItemRange {
            after: before.and_then(|(until, _)| until.clone()),
            until: until.clone(),
        })
    }

    /// The part that an item lies in.
    #[must_use]
    pub fn part_of(&self, item: &ItemId) -> Option<PartId> {
        let ends =
            |(until, _): &(Option<ItemId>, u64)| until.as_ref().is_none_or(|until| item <= until);
        let place = self.parts.iter().position(ends)?;
        Some(PartId {
            cut: self.cut,
            number: u32::try_from(place).ok()?,
        })
    }

    /// Closes the parts to further work.
    pub fn close(&mut self) {
        if self.stage == Stage::Open {
            self.stage = Stage::Closed;
            self.parts.clear();
            self.reasons.clear();
            self.before = Counts::default();
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn split(ends: &[&str]) -> Split {
        let ends = ends.iter().map(|end| Some(ItemId::new(*end)));
        let parts: Vec<_> = ends.chain([None]).map(|end| (end, 10)).collect();
        Split {
            cut: Epoch(3),
            number: u32::try_from(parts.len()).unwrap(),
            stage: Stage::Open,
            parts,
            before: Counts::default(),
            reasons: BTreeMap::new(),
        }
    }

    proptest! {
        /// Whatever the cuts and the items: each item lies in one range, the one that is told.
        #[test]
        fn each_item_lies_in_one_part(
            ends in proptest::collection::btree_set("[a-d]{1,4}", 0..6),
            items in proptest::collection::vec("[a-e]{0,5}", 0..40),
        ) {
            let ends: Vec<&str> = ends.iter().map(String::as_str).collect();
            let split = split(&ends);
            for item in items {
                let item = ItemId::new(item);
                let takers: Vec<u32> = (0..split.number)
                    .filter(|number| split.range(*number).unwrap().contains(&item))
                    .collect();
                prop_assert_eq!(takers.len(), 1, "{}", item);
                prop_assert_eq!(split.part_of(&item).unwrap().number, takers[0]);
            }
        }
    }
}
