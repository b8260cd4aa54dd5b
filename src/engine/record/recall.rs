//! What the checkpoint file knows of a unit, and how far that is trusted.
//!
//! The row decides: a unit continues from the cursor and the counts of its row. The file may be ahead for a good reason
//! (a crash between the two writes) or a bad one (the tables were restored from a backup or recreated). The epoch
//! cannot distinguish these, because a restored row has its old epoch. So nothing in the file counts by itself:
//!
//! - **Good** items in the file are probed again like all others. If the probe shows an item complete, it counts as in
//!   the file, *migrated* or *found*, so that the sums stay true after a crash. The file has this for each item above
//!   its cursor, and as a sum for the items below. A probe that shows a gap refutes the file: from then on only probes
//!   count.
//! - **Bad** items above the cursor count as bad without another attempt only if they have a failure row. That row is
//!   written before the item is settled and removed when the item is fixed, so it proves that the item belongs to these
//!   tables and is still bad.
//! - For a row that was never leased before, or was rolled back or rechecked since, the file is ignored: it belongs to
//!   other tables or to an earlier round.
//! - Steps of the unit, its pass and its split come from the row alone, which is written before they have effects.
//!
//! Whether the file belongs to these tables (id, account and region) is checked when it is read.

use std::collections::BTreeMap;

use crate::model::{Further, ItemId, Reason, Settled, UnitCheckpoint, UnitProgress};

/// What the file knows of items that are not settled again yet.
#[derive(Debug, Default)]
pub(crate) struct Recall {
    /// Good items above the cursor.
    good: BTreeMap<ItemId, Settled>,
    /// Bad items with a failure row.
    bad: BTreeMap<ItemId, (Settled, Reason)>,
    /// The progress of the file, if it is ahead of the row.
    further: Option<Further>,
    /// Whether all of it is from an earlier process.
    earlier: bool,
}

impl Recall {
    /// What `file` adds to `row`. `begun` is whether the row was leased before. `failed` has the failure rows of the
    /// unit.
    pub(crate) fn of(
        row: &UnitProgress,
        begun: bool,
        file: Option<UnitCheckpoint>,
        failed: &BTreeMap<ItemId, (Settled, Reason)>,
    ) -> Self {
        let same_round = |file: &UnitCheckpoint| {
            let of_file = (file.progress.round, file.progress.recheck);
            begun && of_file == (row.round, row.recheck)
        };
        let Some(file) = file.filter(same_round) else {
            return Self::default();
        };
        let mut recall = Self {
            further: further(row, &file),
            ..Self::default()
        };
        if file.progress.pass.number != row.pass.number {
            return recall;
        }
        for (item, (settled, _)) in file.above {
            if row.cursor.as_ref().is_some_and(|cursor| item <= *cursor) {
                continue;
            }
            if settled.is_good() {
                recall.good.insert(item, settled);
            } else if let Some(bad) = failed.get(&item) {
                recall.bad.insert(item, *bad);
            }
        }
        recall
    }

    /// Records whether an earlier process settled these items.
    pub(crate) fn by_earlier(mut self, earlier: bool) -> Self {
        self.earlier = earlier;
        self
    }

    pub(super) fn is_earlier(&self) -> bool {
        self.earlier
    }

    /// Removes a good item and returns its outcome.
    pub(super) fn good(&mut self, item: &ItemId) -> Option<Settled> {
        self.good.remove(item)
    }

    /// Removes a bad item and returns its outcome.
    pub(super) fn bad(&mut self, item: &ItemId) -> Option<(Settled, Reason)> {
        self.bad.remove(item)
    }

    /// Updates an item after a retry; returns whether it is known here.
    pub(super) fn retried(
        &mut self,
        item: &ItemId,
        (settled, reason): (Settled, Option<Reason>),
    ) -> bool {
        let known = self.bad.remove(item).is_some() | self.good.remove(item).is_some();
        match reason.filter(|_| known) {
            Some(reason) => drop(self.bad.insert(item.clone(), (settled, reason))),
            None if known => drop(self.good.insert(item.clone(), settled)),
            None => {}
        }
        known
    }

    /// Counts the bad items, which no event reports.
    pub(super) fn count_bad(&self, progress: &mut UnitProgress) {
        for (settled, reason) in self.bad.values() {
            progress.count(*settled, Some(*reason));
        }
    }

    /// The progress that covers `item` of a pass, if there is one.
    pub(super) fn covers(&self, pass: u32, item: &ItemId) -> Option<&Further> {
        let further = self.further.as_ref();
        further.filter(|further| (pass, Some(item)) <= (further.pass, further.cursor.as_ref()))
    }

    /// Drops what a probe refuted.
    pub(super) fn refute(&mut self) {
        self.good.clear();
        self.further = None;
    }

    /// Removes and returns all single items. The rest is dropped.
    pub(super) fn take(&mut self) -> BTreeMap<ItemId, (Settled, Option<Reason>)> {
        let above = self.above().collect();
        *self = Self::default();
        above
    }

    /// What the next checkpoint stores beside `progress`.
    pub(super) fn above(&self) -> impl Iterator<Item = (ItemId, (Settled, Option<Reason>))> + '_ {
        let good = self.good.iter();
        let good = good.map(|(item, settled)| (item.clone(), (*settled, None)));
        let bad = self.bad.iter();
        let bad = bad.map(|(item, (settled, reason))| (item.clone(), (*settled, Some(*reason))));
        good.chain(bad)
    }

    /// See [`Recall::above`].
    pub(super) fn further(&self, progress: &UnitProgress) -> Option<Further> {
        self.further
            .clone()
            .filter(|further| is_ahead(further, progress))
    }

    /// Drops single items, because the listing restarts.
    pub(super) fn rewind(&mut self) {
        self.good.clear();
        self.bad.clear();
    }
}

fn is_ahead(further: &Further, progress: &UnitProgress) -> bool {
    (further.pass, &further.cursor) > (progress.pass.number, &progress.cursor)
}

/// The furthest progress in the file that is ahead of the row.
fn further(row: &UnitProgress, file: &UnitCheckpoint) -> Option<Further> {
    let progress = &file.progress;
    // While a unit is split, its cursor stays, and its counts are those of the parts.
    let counts = progress
        .open_split()
        .map_or(progress.counts, |split| split.before);
    let own = Further {
        pass: progress.pass.number,
        cursor: progress.cursor.clone(),
        migrated: counts.migrated(),
    };
    let accounts = [Some(own), file.further.clone()].into_iter().flatten();
    accounts
        .filter(|account| is_ahead(account, row))
        .max_by(|one, other| (one.pass, &one.cursor).cmp(&(other.pass, &other.cursor)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Unit, UnitId};

    fn id(number: u64) -> ItemId {
        ItemId::new(format!("{number:03}"))
    }

    fn row(settled: u64) -> UnitProgress {
        let mut row = UnitProgress::pending(&Unit::new(UnitId::new("o", "n")));
        for _ in 0..settled {
            row.count(Settled::Migrated, None);
        }
        row.cursor = settled.checked_sub(1).map(id);
        row
    }

    /// A file at the cursor 4, with a good item and two bad ones above it.
    fn file() -> UnitCheckpoint {
        let bad = (Settled::Failed, Some(Reason::TIMEOUT));
        let above = [
            (id(6), (Settled::Migrated, None)),
            (id(7), bad),
            (id(8), bad),
        ];
        UnitCheckpoint {
            progress: row(5),
            above: above.into(),
            further: None,
        }
    }

    fn failed(item: u64) -> BTreeMap<ItemId, (Settled, Reason)> {
        [(id(item), (Settled::Quarantined, Reason::new("CORRUPT_CAR")))].into()
    }

    #[test]
    fn a_row_that_nobody_leased_or_that_was_rolled_back_is_not_overruled() {
        let mut rolled_back = row(0);
        rolled_back.round = 1;
        for (row, begun) in [(row(0), false), (row(3), false), (rolled_back, true)] {
            let recall = Recall::of(&row, begun, Some(file()), &failed(7));
            assert_eq!(recall.above().count(), 0);
            assert_eq!(recall.further(&row), None);
            let mut counted = row.clone();
            recall.count_bad(&mut counted);
            assert_eq!(counted, row);
        }
    }

    #[test]
    fn a_bad_item_is_trusted_with_its_failure_row_alone() {
        let row = row(3);
        let mut recall = Recall::of(&row, true, Some(file()), &failed(7));
        let mut counted = row.clone();
        recall.count_bad(&mut counted);
        assert_eq!(counted.counts.bad(), 1);
        // As the row has it: another run may have tried it since.
        let bad = Some((Settled::Quarantined, Reason::new("CORRUPT_CAR")));
        assert_eq!((recall.bad(&id(7)), recall.bad(&id(8))), (bad, None));
        assert_eq!(recall.good(&id(6)), Some(Settled::Migrated));
    }

    #[test]
    fn the_file_is_further_as_far_as_its_cursor_and_no_further() {
        let mut recall = Recall::of(&row(3), true, Some(file()), &BTreeMap::new());
        assert_eq!(recall.covers(0, &id(4)).unwrap().migrated, 5);
        assert_eq!(recall.covers(0, &id(5)), None);
        assert_eq!(recall.covers(1, &id(0)), None);
        recall.refute();
        assert_eq!(recall.covers(0, &id(4)), None);
        assert_eq!(recall.good(&id(6)), None);
        // A row that went on without the file: what is below its cursor is forgotten.
        let recall = Recall::of(&row(7), true, Some(file()), &failed(8));
        assert_eq!(recall.further(&row(7)), None);
        let known: Vec<ItemId> = recall.above().map(|(item, _)| item).collect();
        assert_eq!(known, [id(8)]);
    }
}
