//! The initial progress of a part of a split unit.

use std::collections::BTreeMap;

use crate::model::{Counts, PartId, Status};

use super::{Split, UnitProgress};

impl Split {
    /// A part of `unit` that is not started. The first one continues at the cursor of the unit.
    #[must_use]
    pub fn begin(&self, unit: &UnitProgress, number: u32) -> UnitProgress {
        let place = usize::try_from(number).unwrap_or(usize::MAX);
        let listed = self.parts.get(place).map_or(0, |(_, listed)| *listed);
        let is_first = number == 0;
        let before = if is_first {
            self.before
        } else {
            Counts::default()
        };
        let cut = self.cut;
        UnitProgress {
            unit: unit.unit.part(PartId { cut, number }),
            status: Status::Pending,
            counts: Counts {
                planned: before.settled() + listed,
                ..before
            },
            reasons: if is_first {
                self.reasons.clone()
            } else {
                BTreeMap::new()
            },
            pass: unit.pass,
            cursor: unit.cursor.clone().filter(|_| is_first),
            steps: BTreeMap::new(),
            error: None,
            taken_over: None,
            round: unit.round,
            recheck: unit.recheck,
            split: None,
            journals: BTreeMap::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Epoch, ItemId, Pass, Reason, Settled, Stage, Unit, UnitId};

    #[test]
    fn the_first_part_goes_on_where_the_unit_was_cut() {
        let mut unit = UnitProgress::pending(&Unit::new(UnitId::new("o", "n")));
        unit.pass = Pass::first(crate::model::UnixMillis(50));
        unit.count(Settled::Migrated, None);
        unit.count(Settled::Failed, Some(Reason::TIMEOUT));
        unit.cursor = Some(ItemId::new("b"));
        let split = Split {
            before: unit.counts,
            reasons: unit.reasons.clone(),
            cut: Epoch(3),
            number: 3,
            stage: Stage::Open,
            parts: vec![
                (Some(ItemId::new("h")), 10),
                (Some(ItemId::new("p")), 10),
                (None, 10),
            ],
        };
        let [first, second] = [0, 1].map(|number| split.begin(&unit, number));
        assert_eq!((first.counts.planned, first.counts.settled()), (12, 2));
        assert_eq!((first.cursor, first.pass), (unit.cursor.clone(), unit.pass));
        assert_eq!((second.counts, second.cursor), (Counts::planned(10), None));
        assert!(first.reasons.len() == 1 && second.reasons.is_empty());
        assert_eq!(split.ids(&unit.unit).count(), 3);
    }
}
