//! The progress of a unit: the data of a progress row.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::model::{
    Class, Counts, Effect, Epoch, Failure, Holder, ItemId, JournalId, Reason, RunId, Settled,
    Split, Status, StepName, TakenOver, UnitId, UnixMillis,
};

use super::Stage;

/// A unit of work as planned.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unit {
    /// Its id.
    pub id: UnitId,
    /// The number of its items, if they were counted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub planned: Option<u64>,
}

impl Unit {
    /// A unit whose items are not counted.
    #[must_use]
    pub fn new(id: UnitId) -> Self {
        Self { id, planned: None }
    }
}

/// One listing of a unit, from its first item to its last.
///
/// The first pass takes the items that existed for a while when it started. Items that are added during a pass may lie
/// below its cursor; the next pass takes exactly these. Passes divide the items by time, so no item is taken twice and
/// none has to be remembered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Pass {
    /// Which one, from 0.
    pub number: u32,
    /// Takes items added at or after this time; zero in the first pass.
    pub from: UnixMillis,
    /// Takes items added before this time, which is somewhat before the pass started; zero until it starts.
    pub until: UnixMillis,
}

impl Pass {
    /// The first pass, of the items that existed by `until`.
    #[must_use]
    pub fn first(until: UnixMillis) -> Self {
        Self {
            number: 0,
            from: UnixMillis::ZERO,
            until,
        }
    }

    /// The pass after this one, of the items that existed by `until`.
    #[must_use]
    pub fn next(self, until: UnixMillis) -> Self {
        Self {
            number: self.number + 1,
            from: self.until,
            until: until.max(self.until),
        }
    }

    /// Whether an item added at this time belongs to this pass. Items of unknown age belong to the first.
    #[must_use]
    pub fn takes(&self, added_at: Option<UnixMillis>) -> bool {
        match added_at {
            None => self.number == 0,
            Some(at) => self.from <= at && at < self.until,
        }
    }

    /// Whether an item added at this time belongs to a later pass.
    #[must_use]
    pub fn defers(&self, added_at: Option<UnixMillis>) -> bool {
        added_at.is_some_and(|at| at >= self.until)
    }
}

/// The record of one step of a unit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepRecord {
    /// Its state.
    pub state: StepState,
    /// Since when.
    pub at: UnixMillis,
    /// How often it was started.
    pub attempts: u32,
}

/// See [`StepRecord`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum StepState {
    /// Written before the effect, which may have been made.
    Started,
    /// The effect was made.
    Applied(Effect),
    /// The effect existed before. It is never undone.
    Found,
    /// It could not be made.
    Failed(Failure),
    /// A rollback undid the effect. It may be made again.
    Undone(Effect),
}

/// What the row of a unit says about a journal that holds effects on the unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct JournalTrace {
    /// Lines that the journal had when the row was last written.
    pub lines: u64,
    /// Whether the unit was leased and not released: there may be more lines.
    pub open: bool,
}

/// The progress of a unit. `counts` counts exactly the items up to the cursor, so that a run can resume from both
/// without counting an item twice. While a unit is split, its parts have their own cursors. Its counts are then the sum
/// of theirs, and its cursor stays where it was split.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UnitProgress {
    /// The unit.
    pub unit: UnitId,
    /// Its status.
    pub status: Status,
    /// Counters of the items up to the cursor.
    pub counts: Counts,
    /// Bad items, by reason.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub reasons: BTreeMap<Reason, u64>,
    /// The pass the cursor belongs to.
    #[serde(rename = "sweep")]
    pub pass: Pass,
    /// The cursor: every item of the pass up to it is settled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cursor: Option<ItemId>,
    /// Steps of the unit itself.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub steps: BTreeMap<StepName, StepRecord>,
    /// Why the unit failed, if it did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// What another program wrote about it, if one worked on it before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub taken_over: Option<TakenOver>,
    /// How often the unit was rolled back. Progress of an earlier round is invalid.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub round: u32,
    /// When the last recheck of all items started. Progress from before is invalid.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recheck: Option<UnixMillis>,
    /// How it was split into parts, if it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub split: Option<Split>,
    /// The journals that hold effects on the unit.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub journals: BTreeMap<JournalId, JournalTrace>,
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde hands out references"
)]
fn is_zero(round: &u32) -> bool {
    *round == 0
}

impl UnitProgress {
    /// The progress of a unit that is not started.
    #[must_use]
    pub fn pending(unit: &Unit) -> Self {
        Self {
            unit: unit.id.clone(),
            status: Status::Pending,
            counts: Counts::planned(unit.planned.unwrap_or(0)),
            reasons: BTreeMap::new(),
            pass: Pass::default(),
            cursor: None,
            steps: BTreeMap::new(),
            error: None,
            round: 0,
            taken_over: None,
            recheck: None,
            split: None,
            journals: BTreeMap::new(),
        }
    }

    /// Starts over after a rollback: every item is open again. Recorded steps of the unit stay.
    pub fn start_over(&mut self) {
        self.restart();
        self.round += 1;
    }

    /// Starts over for the recheck that started at `since`, unless the unit is already part of it.
    pub fn begin_recheck(&mut self, since: UnixMillis) {
        if self.recheck != Some(since) {
            self.restart();
            self.recheck = Some(since);
        }
    }

    fn restart(&mut self) {
        self.status = Status::InProgress;
        self.counts = Counts::planned(self.counts.planned);
        self.reasons.clear();
        self.pass = Pass::default();
        self.cursor = None;
        self.error = None;
        if let Some(split) = &mut self.split {
            split.close();
        }
    }

    /// Merges journals of another row or file; returns whether any of it is new.
    pub fn join_journals(&mut self, others: BTreeMap<JournalId, JournalTrace>) -> bool {
        let mut is_new = false;
        for (journal, trace) in others {
            let held = self.journals.entry(journal).or_insert_with(|| {
                is_new = true;
                trace
            });
            let both = JournalTrace {
                lines: held.lines.max(trace.lines),
                open: held.open || trace.open,
            };
            is_new |= *held != both;
            *held = both;
        }
        is_new
    }

    /// The split whose parts are open, if there is one.
    #[must_use]
    pub fn open_split(&self) -> Option<&Split> {
        self.split
            .as_ref()
            .filter(|split| split.stage == Stage::Open)
    }

    /// Counts a settled item, and its reason if it is bad.
    pub fn count(&mut self, settled: Settled, reason: Option<Reason>) {
        self.counts.settle(settled);
        if let Some(reason) = reason.filter(|_| !settled.is_good()) {
            *self.reasons.entry(reason).or_default() += 1;
        }
    }

    /// Moves an item from its earlier outcome to a new one.
    pub fn recount(
        &mut self,
        before: (Settled, Option<Reason>),
        now: Settled,
        reason: Option<Reason>,
    ) {
        if let Some(was) = before.1
            && let Some(count) = self.reasons.get_mut(&was)
        {
            *count -= 1;
            if *count == 0 {
                self.reasons.remove(&was);
            }
        }
        self.counts.resettle(before.0, now);
        if let Some(reason) = reason.filter(|_| !now.is_good()) {
            *self.reasons.entry(reason).or_default() += 1;
        }
    }

    /// Replaces the bad items by these failures. The other settled items become good.
    pub fn set_bad(&mut self, failures: impl Iterator<Item = (Class, Reason, u64)>) {
        let mut bad = Counts::default();
        self.reasons.clear();
        for (class, reason, number) in failures.filter(|(.., number)| *number > 0) {
            bad.settle_all(Settled::by_class(class), number);
            *self.reasons.entry(reason).or_default() += number;
        }
        let counts = &mut self.counts;
        let good = counts.settled().saturating_sub(bad.bad());
        counts.skipped = counts.skipped.min(good);
        counts.done = good - counts.skipped;
        counts.found = counts.found.min(counts.done);
        (counts.failed, counts.quarantined, counts.unknown) =
            (bad.failed, bad.quarantined, bad.unknown);
        counts.planned = counts.planned.max(counts.settled());
    }

    /// Whether a step of the unit is complete.
    #[must_use]
    pub fn has_made(&self, step: &StepName) -> bool {
        let record = self.steps.get(step);
        let state = record.map(|record| &record.state);
        matches!(state, Some(StepState::Applied(_) | StepState::Found))
    }
}

/// The right to write for one unit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lease {
    /// The unit.
    pub unit: UnitId,
    /// Who holds it.
    pub holder: Holder,
    /// The run of the holder.
    pub run: RunId,
    /// The fence: every write of the holder requires it.
    pub epoch: Epoch,
    /// Grows with every renewal, which shows others that the holder is alive.
    pub beat: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn progress(pass: u32, done: u64) -> UnitProgress {
        let mut one = UnitProgress::pending(&Unit::new(UnitId::new("o", "n")));
        one.pass.number = pass;
        for _ in 0..done {
            one.count(Settled::Migrated, None);
        }
        one.cursor = Some(ItemId::new(format!("{pass}-{done}")));
        one
    }

    #[test]
    fn bad_items_are_counted_by_their_failures_and_the_sum_stays() {
        let mut one = progress(0, 3);
        one.count(Settled::Found, None);
        one.count(Settled::Unknown, Some(Reason::TIMEOUT));
        one.count(Settled::Unknown, Some(Reason::TIMEOUT));
        let failures = [
            (Class::Permanent, Reason::new("CORRUPT_CAR"), 1),
            (Class::Unknown, Reason::TIMEOUT, 1),
            (Class::Transient, Reason::TIMEOUT, 1),
            (Class::Transient, Reason::new("NO_SHARDS"), 0),
        ];
        one.set_bad(failures.into_iter());
        let counts = one.counts;
        assert_eq!((counts.settled(), counts.done, counts.found), (6, 3, 1));
        assert_eq!(
            (counts.failed, counts.quarantined, counts.unknown),
            (1, 1, 1)
        );
        assert_eq!(one.reasons[&Reason::TIMEOUT], 2);
        one.set_bad(std::iter::empty());
        assert_eq!((one.counts.done, one.counts.bad()), (6, 0));
        assert!(one.counts.add_up() && one.reasons.is_empty());
    }

    #[test]
    fn passes_part_the_items_by_time() {
        let first = Pass::first(UnixMillis(100));
        let second = first.next(UnixMillis(150));
        let third = second.next(UnixMillis(150));
        for at in [0, 99, 100, 149] {
            let takers = [first, second, third]
                .iter()
                .filter(|pass| pass.takes(Some(UnixMillis(at))))
                .count();
            assert_eq!(takers, 1, "{at}");
        }
        assert!(first.takes(None) && !second.takes(None));
    }
}
