//! The cursor of a unit: passes an item only when it is settled.

use std::collections::{BTreeMap, VecDeque};

use crate::model::{Further, Invariant, ItemId, Reason, Settled, UnitCheckpoint, UnitProgress};

use super::Recall;

/// An item's place in the order of its unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ItemSeq(u64);

/// How far a unit is, while items settle in any order.
///
/// `progress` counts the items at or below its cursor. Items that are settled above it wait in
/// `open` until everything below them is settled.
#[derive(Debug)]
pub(crate) struct Tracker {
    progress: UnitProgress,
    open: VecDeque<Slot>,
    /// The number of the first slot in `open`.
    first: u64,
    /// What an earlier run settled beyond the row, and was not listed again so far.
    recall: Recall,
    changed: bool,
}

#[derive(Debug)]
struct Slot {
    item: ItemId,
    end: Option<(Settled, Option<Reason>)>,
    /// What an earlier run settled it as.
    before: Option<Settled>,
    /// It was found complete and counts as one of those that an earlier process migrated, of which only the sum is
    /// known: that this very item is one of them is not.
    credited: bool,
}

/// How an item counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Counted {
    /// As what.
    pub(crate) settled: Settled,
    /// What is known of this very item. It differs where the sum of an earlier process says that as many more were
    /// migrated as are counted now, but not which.
    pub(crate) known: Settled,
    /// It is known to have been settled so before, and its line was written then. Of an item below a cursor that is
    /// further this is not known: it may have come since.
    pub(crate) again: bool,
    /// By all that is known an earlier process settled it.
    pub(crate) earlier: bool,
}

impl Tracker {
    /// Goes on from a row, with what is remembered beyond it.
    pub(crate) fn new(progress: UnitProgress, recall: Recall) -> Self {
        Self {
            progress,
            open: VecDeque::new(),
            first: 0,
            recall,
            changed: false,
        }
    }

    /// The unit as its row says it.
    pub(crate) fn progress(&self) -> &UnitProgress {
        &self.progress
    }

    /// The unit with the bad items counted too that are known above the cursor: nobody will tell of these.
    pub(crate) fn progress_with_known(&self) -> UnitProgress {
        let mut progress = self.progress.clone();
        self.recall.count_bad(&mut progress);
        progress
    }

    /// Changes what is not counted: status, pass, steps, error.
    pub(crate) fn change(&mut self, change: impl FnOnce(&mut UnitProgress)) {
        change(&mut self.progress);
        self.changed = true;
    }

    /// Takes out what an earlier run settled above the cursor: others will list it.
    pub(crate) fn take_known(&mut self) -> BTreeMap<ItemId, (Settled, Option<Reason>)> {
        self.recall.take()
    }

    /// Recounts an item that was tried again, why it was bad before if it was; whether the counters held it. One above the cursor
    /// is counted when the listing comes to it.
    pub(crate) fn retried(
        &mut self,
        item: &ItemId,
        before: (Settled, Option<Reason>),
        now: (Settled, Option<Reason>),
    ) -> bool {
        if self.recall.retried(item, now) {
            return false;
        }
        let held = self.counts(item, before.1);
        if held {
            self.change(|progress| progress.recount(before, now.0, now.1));
        }
        held
    }

    /// Whether the counters hold an item that failed for this reason, or did not fail.
    fn counts(&self, item: &ItemId, reason: Option<Reason>) -> bool {
        let progress = &self.progress;
        let first = progress.pass.number == 0 && !progress.status.is_ended();
        let is_above = first && progress.cursor.as_ref().is_none_or(|cursor| item > cursor);
        let of_reason = reason.map(|reason| progress.reasons.get(&reason).copied());
        !is_above && of_reason.is_none_or(|count| count > Some(0))
    }

    /// Takes an item in, in the order of the listing. None when it is known to be bad.
    pub(crate) fn begin(&mut self, item: &ItemId) -> Option<ItemSeq> {
        let end = self.recall.bad(item);
        let end = end.map(|(settled, reason)| (settled, Some(reason)));
        let seq = ItemSeq(self.first + self.open.len() as u64);
        self.open.push_back(Slot {
            item: item.clone(),
            end,
            before: self.recall.good(item),
            credited: false,
        });
        if end.is_some() {
            self.advance();
            return None;
        }
        Some(seq)
    }

    /// Notes an item's final outcome and moves the cursor as far as it may go; `was_bad` says that a failure row tells of
    /// the item. Gives what it counts as.
    pub(crate) fn settle(
        &mut self,
        seq: ItemSeq,
        (settled, reason): (Settled, Option<Reason>),
        was_bad: bool,
    ) -> Counted {
        let place = seq.0.checked_sub(self.first);
        let slot = place
            .and_then(|place| usize::try_from(place).ok())
            .and_then(|place| self.open.get_mut(place));
        debug_assert!(
            slot.as_ref().is_some_and(|slot| slot.end.is_none()),
            "{}: {seq:?} was settled twice",
            Invariant::CursorBelowSettled
        );
        let Some(slot) = slot else {
            return Counted {
                settled,
                known: settled,
                again: false,
                earlier: false,
            };
        };
        let (item, before) = (slot.item.clone(), slot.before);
        let counted = self.recalled(&item, before, settled, was_bad);
        let place = place.and_then(|place| usize::try_from(place).ok());
        if let Some(slot) = place.and_then(|place| self.open.get_mut(place)) {
            slot.end = Some((counted.settled, reason));
            slot.credited = counted.settled != counted.known;
        }
        self.advance();
        counted
    }

    /// What an item counts as that a probe or an attempt showed to be `settled`.
    fn recalled(
        &mut self,
        item: &ItemId,
        before: Option<Settled>,
        settled: Settled,
        was_bad: bool,
    ) -> Counted {
        let pass = self.progress.pass.number;
        let covered = self.recall.covers(pass, item);
        let expected = before.is_some() || (covered.is_some() && !was_bad);
        let known = match (settled, before) {
            (Settled::Found, Some(Settled::Migrated)) => Settled::Migrated,
            _ => settled,
        };
        let counted = match (known, before) {
            (Settled::Found, None) if expected && self.credit(covered) > 0 => Settled::Migrated,
            _ => known,
        };
        if expected && settled == Settled::Migrated {
            self.recall.refute();
        }
        let again = before == Some(counted);
        let as_it_was = again || (expected && settled == Settled::Found);
        Counted {
            settled: counted,
            known,
            again,
            earlier: as_it_was && self.recall.is_earlier(),
        }
    }

    /// How many more items were migrated by an account that is further than are counted now.
    fn credit(&self, further: Option<&Further>) -> u64 {
        let Some(further) = further else { return 0 };
        let cursor = further.cursor.as_ref();
        let is_of_it = |slot: &&Slot| {
            let end = slot.end.map(|(settled, _)| settled);
            let pass = self.progress.pass.number;
            end == Some(Settled::Migrated) && (pass, Some(&slot.item)) <= (further.pass, cursor)
        };
        let waiting = self.open.iter().filter(is_of_it).count() as u64;
        let counted = self.progress.counts.migrated() + waiting;
        further.migrated.saturating_sub(counted)
    }

    /// Items taken in that the cursor has not passed.
    pub(crate) fn ahead(&self) -> usize {
        self.open.len()
    }

    /// Whether every item that was taken in is settled.
    pub(crate) fn is_even(&self) -> bool {
        self.open.is_empty()
    }

    /// Restarts the listing at its start.
    pub(crate) fn rewind(&mut self, change: impl FnOnce(&mut UnitProgress)) {
        debug_assert!(self.is_even());
        self.progress.cursor = None;
        self.recall.rewind();
        self.change(change);
    }

    /// All that is known, for the checkpoint file.
    pub(crate) fn checkpoint(&self) -> UnitCheckpoint {
        let above = self
            .open
            .iter()
            .filter_map(|slot| {
                let before = slot.before.map(|settled| (settled, None));
                let end = slot.end.filter(|_| !slot.credited);
                Some((slot.item.clone(), end.or(before)?))
            })
            .chain(self.recall.above())
            .collect();
        UnitCheckpoint {
            progress: self.progress.clone(),
            above,
            further: self.recall.further(&self.progress),
        }
    }

    /// Whether the row has to be written.
    pub(crate) fn is_changed(&self) -> bool {
        self.changed
    }

    /// Whether the row has to be written; asking resets it.
    pub(crate) fn take_changed(&mut self) -> bool {
        std::mem::take(&mut self.changed)
    }

    /// Notes that the row could not be written.
    pub(crate) fn keep_changed(&mut self) {
        self.changed = true;
    }

    fn advance(&mut self) {
        while let Some((settled, reason)) = self.open.front().and_then(|slot| slot.end) {
            let Some(slot) = self.open.pop_front() else {
                break;
            };
            self.first += 1;
            self.progress.count(settled, reason);
            self.progress.cursor = Some(slot.item);
            self.changed = true;
        }
        debug_assert!(
            self.progress.counts.add_up(),
            "{}: {:?}",
            Invariant::CountsAddUp,
            self.progress.counts
        );
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::model::{Unit, UnitId};

    const ITEMS: usize = 24;

    fn fresh() -> Tracker {
        let unit = Unit::new(UnitId::new("owner", "unit"));
        Tracker::new(UnitProgress::pending(&unit), Recall::default())
    }

    fn id(number: usize) -> ItemId {
        ItemId::new(format!("{number:03}"))
    }

    #[test]
    fn the_cursor_waits_for_the_slowest_item() {
        let mut tracker = fresh();
        let seqs: Vec<_> = (0..3).map(|n| tracker.begin(&id(n)).unwrap()).collect();
        tracker.settle(seqs[2], (Settled::Migrated, None), false);
        let bad = (Settled::Quarantined, Some(Reason::new("CORRUPT_CAR")));
        tracker.settle(seqs[1], bad, false);
        assert_eq!(tracker.progress().cursor, None);
        assert_eq!(tracker.checkpoint().above.len(), 2);
        tracker.settle(seqs[0], (Settled::Found, None), false);
        assert_eq!(tracker.progress().cursor, Some(id(2)));
        assert_eq!(tracker.progress().counts.settled(), 3);
        assert_eq!(tracker.progress().reasons[&Reason::new("CORRUPT_CAR")], 1);
        assert!(tracker.is_even());
    }

    /// Items of a world: which are complete, and who was right before us.
    struct World {
        complete: [bool; ITEMS],
    }

    impl World {
        /// Looks at items in `order`, as far as they are above the cursor, and does what is to do; stops after `stop`.
        fn work(&mut self, tracker: &mut Tracker, order: &[usize], stop: usize) -> u64 {
            let cursor = tracker.progress().cursor.clone();
            let above = |n: &usize| cursor.as_ref().is_none_or(|cursor| id(*n) > *cursor);
            let seqs: BTreeMap<usize, ItemSeq> = (0..ITEMS)
                .filter(above)
                .map(|n| (n, tracker.begin(&id(n)).unwrap()))
                .collect();
            let mut again = 0;
            for n in order.iter().filter(|n| above(n)).take(stop) {
                let settled = if self.complete[*n] {
                    Settled::Found
                } else {
                    Settled::Migrated
                };
                self.complete[*n] = true;
                again += u64::from(tracker.settle(seqs[n], (settled, None), false).again);
            }
            again
        }
    }

    fn resumed(row: &UnitProgress, file: UnitCheckpoint) -> Tracker {
        let recall = Recall::of(row, true, Some(file), &BTreeMap::new());
        Tracker::new(row.clone(), recall)
    }

    proptest! {
        /// Settle in any order, write the row at any time and the file at a later one, stop anywhere, twice: nothing is
        /// counted twice or lost, and what was migrated stays migrated.
        #[test]
        fn a_row_and_a_file_that_is_ahead_lose_and_double_nothing(
            order in Just((0..ITEMS).collect::<Vec<_>>()).prop_shuffle(),
            complete in proptest::array::uniform24(any::<bool>()),
            stops in [0..ITEMS, 0..ITEMS, 0..ITEMS],
        ) {
            let mut world = World { complete };
            let mut first = fresh();
            let found = complete.iter().filter(|one| **one).count() as u64;
            let seqs: Vec<_> = (0..ITEMS).map(|n| first.begin(&id(n)).unwrap()).collect();
            let (row_at, file_at) = (stops[0].min(stops[1]), stops[0].max(stops[1]));
            let mut row = first.progress().clone();
            for (at, n) in order.iter().take(file_at).enumerate() {
                if at == row_at {
                    row = first.progress().clone();
                }
                let settled = if world.complete[*n] { Settled::Found } else { Settled::Migrated };
                world.complete[*n] = true;
                first.settle(seqs[*n], (settled, None), false);
            }
            let mut second = resumed(&row, first.checkpoint());
            let again = world.work(&mut second, &order, stops[2]);
            prop_assert!(again <= (file_at as u64) - row.counts.settled());
            // The row was not written again before the second crash.
            let mut third = resumed(&row, second.checkpoint());
            world.work(&mut third, &order, ITEMS);
            let counts = third.progress().counts;
            prop_assert_eq!(counts.done, ITEMS as u64);
            // What was found and not written anywhere before a crash is not known to be ours.
            let lost = (ITEMS - file_at) as u64;
            prop_assert!(counts.found >= found.saturating_sub(lost) && counts.found <= found + lost);
            prop_assert_eq!(&third.progress().cursor, &Some(id(ITEMS - 1)));
            prop_assert_eq!(third.checkpoint().further, None);
            prop_assert!(third.checkpoint().above.is_empty());
        }
    }

    /// A sum does not say which items it holds: one that is found complete is not called migrated for it, not even
    /// by a third process that reads what the second one remembered.
    #[test]
    fn an_item_that_was_found_complete_is_never_said_to_be_migrated() {
        let mut first = fresh();
        let seqs: Vec<_> = (0..4).map(|n| first.begin(&id(n)).unwrap()).collect();
        let row = first.progress().clone();
        for (n, settled) in [Settled::Found, Settled::Found, Settled::Migrated]
            .iter()
            .enumerate()
        {
            first.settle(seqs[n], (*settled, None), false);
        }
        let mut second = resumed(&row, first.checkpoint());
        let seqs: Vec<_> = (0..4).map(|n| second.begin(&id(n)).unwrap()).collect();
        let counted = second.settle(seqs[1], (Settled::Found, None), false);
        assert_eq!(counted.known, Settled::Found);
        let mut third = resumed(&row, second.checkpoint());
        let seqs: Vec<_> = (0..4).map(|n| third.begin(&id(n)).unwrap()).collect();
        for n in [1, 0, 2] {
            let counted = third.settle(seqs[n], (Settled::Found, None), false);
            assert_eq!(counted.known, Settled::Found, "item {n}");
        }
        let counts = third.progress().counts;
        assert_eq!((counts.done, counts.found), (3, 2));
    }

    /// The file is of a world that is gone: what it says counts nothing.
    #[test]
    fn a_file_that_a_probe_refutes_gives_no_credit() {
        let mut first = fresh();
        let seqs: Vec<_> = (0..ITEMS).map(|n| first.begin(&id(n)).unwrap()).collect();
        for seq in &seqs[..12] {
            first.settle(*seq, (Settled::Migrated, None), false);
        }
        let row = fresh().progress().clone();
        let mut second = resumed(&row, first.checkpoint());
        // Of twelve that the file calls migrated, three are not there and the others are, by somebody else.
        let mut world = World {
            complete: std::array::from_fn(|n| n >= 3),
        };
        let order: Vec<usize> = (0..ITEMS).collect();
        assert_eq!(world.work(&mut second, &order, ITEMS), 0);
        let counts = second.progress().counts;
        assert_eq!((counts.done, counts.found), (24, 21));
    }
}
