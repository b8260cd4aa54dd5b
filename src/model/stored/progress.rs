//! How far a unit is: the data of a progress row.

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
    /// How many items it was counted to have, if it was counted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub planned: Option<u64>,
}

impl Unit {
    /// A unit whose items nobody has counted.
    #[must_use]
    pub fn new(id: UnitId) -> Self {
        Self { id, planned: None }
    }
}

/// One listing of a unit, from its first item to its last.
///
/// Sweep 0 takes the items that were there for a while when it began. Items that were added while
/// a pass ran may lie below its cursor; they are left to the next pass, which takes exactly those
/// that were added since. The passes part the items by time, so none is taken
/// twice and none has to be remembered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Pass {
    /// Which one, from 0.
    pub number: u32,
    /// Takes items added at or after this time; zero in the first pass.
    pub from: UnixMillis,
    /// Takes items added before this time: somewhat before the pass began; zero until it has begun.
    pub until: UnixMillis,
}

impl Pass {
    /// The first pass, of the items that were there by `until`.
    #[must_use]
    pub fn first(until: UnixMillis) -> Self {
        Self {
            number: 0,
            from: UnixMillis::ZERO,
            until,
        }
    }

    /// The pass after this one, of the items that were there by `until`.
    #[must_use]
    pub fn next(self, until: UnixMillis) -> Self {
        Self {
            number: self.number + 1,
            from: self.until,
            until: until.max(self.until),
        }
    }

    /// Whether an item that was added at this time belongs to this pass. Items of unknown age
    /// belong to the first.
    #[must_use]
    pub fn takes(&self, added_at: Option<UnixMillis>) -> bool {
        match added_at {
            None => self.number == 0,
            Some(at) => self.from <= at && at < self.until,
        }
    }

    /// Whether an item that was added at this time is left to a later pass.
    #[must_use]
    pub fn defers(&self, added_at: Option<UnixMillis>) -> bool {
        added_at.is_some_and(|at| at >= self.until)
    }
}

/// Where one step of a unit stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepRecord {
    /// Where it stands.
    pub state: StepState,
    /// Since when.
    pub at: UnixMillis,
    /// How many times it was begun.
    pub attempts: u32,
}

/// See [`StepRecord`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum StepState {
    /// Written before the effect: it may have happened.
    Started,
    /// The effect was made by us.
    Applied(Effect),
    /// The effect was there before us; it is never undone.
    Found,
    /// It could not be made.
    Failed(Failure),
    /// A rollback took the effect back; it may be made again.
    Undone(Effect),
}

/// What a unit's row says of a journal: its holder worked on the unit, and what it made there is in that journal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct JournalTrace {
    /// Lines that the journal had when the row was written last: those about the unit are among them.
    pub lines: u64,
    /// The unit was leased and not given back: there may be more lines.
    pub open: bool,
}

/// How far a unit is. `counts` counts the items at or below the cursor and no others, so that
/// both can be taken up again together without counting an item twice. While a unit is split, its
/// parts have cursors of their own; its counts are the sum of theirs, and its cursor stays where
/// it was cut.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UnitProgress {
    /// The unit.
    pub unit: UnitId,
    /// Its status.
    pub status: Status,
    /// Counters of the items at or below the cursor.
    pub counts: Counts,
    /// How many of the bad ones, by reason.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub reasons: BTreeMap<Reason, u64>,
    /// The pass the cursor belongs to.
    #[serde(rename = "sweep")]
    pub pass: Pass,
    /// The last item below which every item of the pass is settled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cursor: Option<ItemId>,
    /// Steps of the unit itself.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub steps: BTreeMap<StepName, StepRecord>,
    /// Why the unit failed; empty when it did not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// What another program had written of it, if one had begun it before us.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub taken_over: Option<TakenOver>,
    /// How often the unit was rolled back. An account of an earlier round is worth nothing.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub round: u32,
    /// When the last recheck began that goes, or went, through all items again. What was known
    /// before it counts no more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recheck: Option<UnixMillis>,
    /// How it was cut into parts, if it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub split: Option<Split>,
    /// The journals that tell of effects in the unit.
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
    /// The progress of a unit that nobody has begun.
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

    /// Starts over after what was made was undone: every item is left again. Steps of the unit stay as they are
    /// recorded.
    pub fn roll_back(&mut self) {
        self.restart();
        self.round += 1;
    }

    /// Starts over for a recheck that began at `since`, unless that recheck has begun the unit already.
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

    /// Takes in what another account says of journals; whether any of it is new.
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

    /// The cut whose parts are worked on, if there is one.
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

    /// Recounts an item that was counted before; why it was bad, if it was.
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

    /// Sets the bad items to so many that failed so; the others that were settled are good.
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

    /// Whether a step of the unit is made.
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
    /// The fence: every write of the holder is conditional on it.
    pub epoch: Epoch,
    /// Grows with every renewal, so that others see that the holder lives.
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
