//! The cursor of a unit: passes an item only when it is settled.

use std::collections::{BTreeMap, VecDeque};

use crate::model::{Invariant, ItemId, Mark, Reason, Settled, UnitProgress};

/// An item's place in the order of its unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Ticket(u64);

/// How far a unit is, while items settle in any order.
///
/// `progress` counts the items at or below its cursor. Items that are settled above it wait in
/// `open` until everything below them is settled.
#[derive(Debug)]
pub(crate) struct Tracker {
    progress: UnitProgress,
    open: VecDeque<Slot>,
    /// The ticket of the first slot in `open`.
    first: u64,
    /// Settled above the cursor in an earlier run, and not listed again so far.
    known: BTreeMap<ItemId, (Settled, Option<Reason>)>,
    changed: bool,
}

#[derive(Debug)]
struct Slot {
    item: ItemId,
    end: Option<(Settled, Option<Reason>)>,
}

impl Tracker {
    /// Goes on from a mark.
    pub(crate) fn new(mark: Mark) -> Self {
        Self {
            progress: mark.progress,
            open: VecDeque::new(),
            first: 0,
            known: mark.above,
            changed: false,
        }
    }

    /// The unit as its row says it.
    pub(crate) fn progress(&self) -> &UnitProgress {
        &self.progress
    }

    /// The unit with the items counted too that an earlier run settled above the cursor: nobody will tell of these.
    pub(crate) fn progress_with_known(&self) -> UnitProgress {
        let mut progress = self.progress.clone();
        for (settled, reason) in self.known.values() {
            progress.count(*settled, *reason);
        }
        progress
    }

    /// Changes what is not counted: status, sweep, steps, error.
    pub(crate) fn change(&mut self, change: impl FnOnce(&mut UnitProgress)) {
        change(&mut self.progress);
        self.changed = true;
    }

    /// Takes out what an earlier run settled above the cursor: others will list it.
    pub(crate) fn take_known(&mut self) -> BTreeMap<ItemId, (Settled, Option<Reason>)> {
        std::mem::take(&mut self.known)
    }

    /// Counts an item anew that failed before and was tried again; whether the counters held it. One above the cursor
    /// is counted when the listing comes to it.
    pub(crate) fn retried(
        &mut self,
        item: &ItemId,
        before: (Settled, Reason),
        now: (Settled, Option<Reason>),
    ) -> bool {
        if let Some(known) = self.known.get_mut(item) {
            *known = now;
            return false;
        }
        let held = self.counts(item, before.1);
        if held {
            self.change(|progress| progress.recount(before, now.0, now.1));
        }
        held
    }

    /// Whether the counters hold an item that failed for this reason.
    fn counts(&self, item: &ItemId, reason: Reason) -> bool {
        let progress = &self.progress;
        let first = progress.sweep.number == 0 && !progress.status.is_ended();
        let is_above = first && progress.cursor.as_ref().is_none_or(|cursor| item > cursor);
        let of_reason = progress.reasons.get(&reason);
        !is_above && of_reason.is_some_and(|count| *count > 0)
    }

    /// Takes an item in, in the order of the listing. None when it was settled in an earlier run.
    pub(crate) fn begin(&mut self, item: &ItemId) -> Option<Ticket> {
        let end = self.known.remove(item);
        let ticket = Ticket(self.first + self.open.len() as u64);
        self.open.push_back(Slot {
            item: item.clone(),
            end,
        });
        if end.is_some() {
            self.advance();
            return None;
        }
        Some(ticket)
    }

    /// Notes an item's last word and moves the cursor as far as it may go.
    pub(crate) fn settle(&mut self, ticket: Ticket, settled: Settled, reason: Option<Reason>) {
        let place = ticket.0.checked_sub(self.first);
        let slot = place
            .and_then(|place| usize::try_from(place).ok())
            .and_then(|place| self.open.get_mut(place));
        debug_assert!(
            slot.as_ref().is_some_and(|slot| slot.end.is_none()),
            "{}: {ticket:?} was settled twice",
            Invariant::CursorBelowSettled
        );
        if let Some(slot) = slot {
            slot.end = Some((settled, reason));
        }
        self.advance();
    }

    /// Items taken in that the cursor has not passed.
    pub(crate) fn ahead(&self) -> usize {
        self.open.len()
    }

    /// Whether every item that was taken in is settled.
    pub(crate) fn is_even(&self) -> bool {
        self.open.is_empty()
    }

    /// Begins the listing anew at its start.
    pub(crate) fn rewind(&mut self, change: impl FnOnce(&mut UnitProgress)) {
        debug_assert!(self.is_even());
        self.progress.cursor = None;
        self.known.clear();
        self.change(change);
    }

    /// All that is known, for the checkpoint file.
    pub(crate) fn mark(&self) -> Mark {
        let above = self
            .open
            .iter()
            .filter_map(|slot| Some((slot.item.clone(), slot.end?)))
            .chain(self.known.iter().map(|(item, end)| (item.clone(), *end)))
            .collect();
        Mark {
            progress: self.progress.clone(),
            above,
        }
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

    fn fresh() -> Tracker {
        let unit = Unit::new(UnitId::new("owner", "unit"));
        Tracker::new(Mark {
            progress: UnitProgress::pending(&unit),
            above: BTreeMap::new(),
        })
    }

    fn id(number: usize) -> ItemId {
        ItemId::new(format!("{number:03}"))
    }

    #[test]
    fn the_cursor_waits_for_the_slowest_item() {
        let mut tracker = fresh();
        let tickets: Vec<_> = (0..3).map(|n| tracker.begin(&id(n)).unwrap()).collect();
        tracker.settle(tickets[2], Settled::Migrated, None);
        tracker.settle(tickets[1], Settled::Quarantined, Some(Reason::CorruptCar));
        assert_eq!(tracker.progress().cursor, None);
        assert_eq!(tracker.mark().above.len(), 2);
        tracker.settle(tickets[0], Settled::Found, None);
        assert_eq!(tracker.progress().cursor, Some(id(2)));
        assert_eq!(tracker.progress().counts.settled(), 3);
        assert_eq!(tracker.progress().reasons[&Reason::CorruptCar], 1);
        assert!(tracker.is_even());
    }

    proptest! {
        /// Settle in any order, stop anywhere, go on from the mark: nothing is counted twice or lost.
        #[test]
        fn a_mark_taken_at_any_instant_loses_and_doubles_nothing(
            order in Just((0..24_usize).collect::<Vec<_>>()).prop_shuffle(),
            stop_at in 0..24_usize,
        ) {
            let mut first = fresh();
            let tickets: Vec<_> = (0..24).map(|n| first.begin(&id(n)).unwrap()).collect();
            for done in &order[..stop_at] {
                first.settle(tickets[*done], Settled::Migrated, None);
            }
            let mut second = Tracker::new(first.mark());
            prop_assert_eq!(second.progress_with_known().counts.done, stop_at as u64);
            let after = second.progress().cursor.clone();
            let mut again = 0;
            for n in (0..24).filter(|n| after.as_ref().is_none_or(|cursor| id(*n) > *cursor)) {
                if let Some(ticket) = second.begin(&id(n)) {
                    again += 1;
                    second.settle(ticket, Settled::Migrated, None);
                }
            }
            prop_assert_eq!(again, 24 - stop_at);
            prop_assert_eq!(second.progress().counts.done, 24);
            prop_assert_eq!(&second.progress().cursor, &Some(id(23)));
        }
    }
}
