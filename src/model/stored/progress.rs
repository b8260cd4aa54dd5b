//! How far a unit is: the data of a progress row.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::model::{
    Counts, Effect, Epoch, Failure, InstanceId, ItemId, Reason, RunId, Settled, Split, Status,
    StepName, TakenOver, UnitId,
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
/// a sweep ran may lie below its cursor; they are left to the next sweep, which takes exactly those
/// that were added since. The sweeps part the items by time, so none is taken
/// twice and none has to be remembered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Sweep {
    /// Which one, from 0.
    pub number: u32,
    /// Takes items added at or after this time, Unix milliseconds; 0 in the first sweep.
    pub from: u64,
    /// Takes items added before this time: somewhat before the sweep began; 0 until it has begun.
    pub until: u64,
}

impl Sweep {
    /// The first sweep, of the items that were there by `until`.
    #[must_use]
    pub fn first(until: u64) -> Self {
        Self {
            number: 0,
            from: 0,
            until,
        }
    }

    /// The sweep after this one, of the items that were there by `until`.
    #[must_use]
    pub fn next(self, until: u64) -> Self {
        Self {
            number: self.number + 1,
            from: self.until,
            until: until.max(self.until),
        }
    }

    /// Whether an item that was added at this time belongs to this sweep. Items of unknown age
    /// belong to the first.
    #[must_use]
    pub fn takes(&self, added_at: Option<u64>) -> bool {
        match added_at {
            None => self.number == 0,
            Some(at) => self.from <= at && at < self.until,
        }
    }

    /// Whether an item that was added at this time is left to a later sweep.
    #[must_use]
    pub fn leaves(&self, added_at: Option<u64>) -> bool {
        added_at.is_some_and(|at| at >= self.until)
    }
}

/// Where one step of a unit stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepRecord {
    /// Where it stands.
    pub state: StepState,
    /// Since when, Unix milliseconds.
    pub at: u64,
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
    /// The sweep the cursor belongs to.
    pub sweep: Sweep,
    /// The last item below which every item of the sweep is settled.
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
    /// How it was cut into parts, if it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub split: Option<Split>,
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
            sweep: Sweep::default(),
            cursor: None,
            steps: BTreeMap::new(),
            error: None,
            round: 0,
            taken_over: None,
            split: None,
        }
    }

    /// Begins anew: every item is left again. Steps of the unit stay as they are recorded.
    pub fn roll_back(&mut self) {
        self.status = Status::InProgress;
        self.counts = Counts::planned(self.counts.planned);
        self.reasons.clear();
        self.sweep = Sweep::default();
        self.cursor = None;
        self.error = None;
        self.round += 1;
        if let Some(split) = &mut self.split {
            split.close();
        }
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

    /// Counts an item anew that was bad before.
    pub fn recount(&mut self, before: (Settled, Reason), now: Settled, reason: Option<Reason>) {
        if let Some(count) = self.reasons.get_mut(&before.1) {
            *count -= 1;
            if *count == 0 {
                self.reasons.remove(&before.1);
            }
        }
        self.counts.resettle(before.0, now);
        if let Some(reason) = reason.filter(|_| !now.is_good()) {
            *self.reasons.entry(reason).or_default() += 1;
        }
    }

    /// Sets the bad items to those that failed so; the others that were settled are good.
    pub fn set_bad<'a>(&mut self, failures: impl Iterator<Item = &'a Failure>) {
        let mut bad = Counts::default();
        self.reasons.clear();
        for failure in failures {
            bad.settle(Settled::by_class(failure.class));
            *self.reasons.entry(failure.reason).or_default() += 1;
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

    /// Which of two accounts of the same unit is further; the first when they are equal. The first is that of the row.
    ///
    /// Sweeps only grow, and within a sweep the settled items only grow, so the account that is
    /// further knows all that the other knows, except for steps, which are joined: they are in the row before they are
    /// anywhere else, so of a step that both know the row has the last word, whatever the clocks say. A rollback begins
    /// a round, and what was known before it counts no more. A cut is known to the further one only.
    #[must_use]
    pub fn further(self, other: Self) -> Self {
        let key = |one: &Self| {
            (
                one.round,
                one.sweep.number,
                one.status.is_ended(),
                one.split.as_ref().map(|split| split.cut),
                one.counts.settled(),
            )
        };
        let is_row_behind = key(&other) > key(&self);
        let (mut ahead, behind) = if is_row_behind {
            (other, self)
        } else {
            (self, other)
        };
        if behind.round < ahead.round {
            return ahead;
        }
        for (name, record) in behind.steps {
            if is_row_behind || !ahead.steps.contains_key(&name) {
                ahead.steps.insert(name, record);
            }
        }
        ahead.taken_over = ahead.taken_over.or(behind.taken_over);
        ahead.counts.planned = ahead
            .counts
            .planned
            .max(behind.counts.planned)
            .max(ahead.counts.settled());
        if ahead.status.is_ended() {
            ahead.counts.close();
        }
        ahead
    }
}

/// The right to write for one unit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lease {
    /// The unit.
    pub unit: UnitId,
    /// Who holds it.
    pub holder: InstanceId,
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

    fn progress(sweep: u32, done: u64) -> UnitProgress {
        let mut one = UnitProgress::pending(&Unit::new(UnitId::new("o", "n")));
        one.sweep.number = sweep;
        for _ in 0..done {
            one.count(Settled::Migrated, None);
        }
        one.cursor = Some(ItemId::new(format!("{sweep}-{done}")));
        one
    }

    #[test]
    fn the_account_that_is_further_is_taken_from_either_side() {
        let (near, far, later) = (progress(0, 3), progress(0, 5), progress(1, 5));
        assert_eq!(near.clone().further(far.clone()).cursor, far.cursor);
        assert_eq!(far.clone().further(near).cursor, far.cursor);
        assert_eq!(far.further(later.clone()).cursor, later.cursor);
    }

    #[test]
    fn what_was_known_before_a_rollback_counts_no_more() {
        let mut before = progress(1, 5);
        before.steps.insert(
            StepName::new("folder"),
            StepRecord {
                state: StepState::Found,
                at: 9,
                attempts: 1,
            },
        );
        let mut after = progress(1, 5);
        after.roll_back();
        assert_eq!((after.counts.left(), after.counts.settled()), (5, 0));
        for account in [
            before.clone().further(after.clone()),
            after.clone().further(before),
        ] {
            assert_eq!(account, after);
        }
    }

    #[test]
    fn bad_items_are_counted_by_their_failures_and_the_sum_stays() {
        let mut one = progress(0, 3);
        one.count(Settled::Found, None);
        one.count(Settled::Unknown, Some(Reason::Timeout));
        one.count(Settled::Unknown, Some(Reason::Timeout));
        let failures = [
            Failure::permanent(Reason::CorruptCar, "flipped"),
            Failure::unknown(Reason::Timeout, "no answer"),
            Failure::transient(Reason::Timeout, "no answer"),
        ];
        one.set_bad(failures.iter());
        let counts = one.counts;
        assert_eq!((counts.settled(), counts.done, counts.found), (6, 3, 1));
        assert_eq!(
            (counts.failed, counts.quarantined, counts.unknown),
            (1, 1, 1)
        );
        assert_eq!(one.reasons[&Reason::Timeout], 2);
        one.set_bad(std::iter::empty());
        assert_eq!((one.counts.done, one.counts.bad()), (6, 0));
        assert!(one.counts.add_up() && one.reasons.is_empty());
    }

    #[test]
    fn sweeps_part_the_items_by_time() {
        let first = Sweep::first(100);
        let second = first.next(150);
        let third = second.next(150);
        for at in [0, 99, 100, 149] {
            let takers = [first, second, third]
                .iter()
                .filter(|sweep| sweep.takes(Some(at)))
                .count();
            assert_eq!(takers, 1, "{at}");
        }
        assert!(first.takes(None) && !second.takes(None));
    }
}
