//! Leased units, and what each of them added to a run's counters.

use std::collections::BTreeMap;

use super::{Counts, InstanceId, PartCount, PartId, Reason, Settled, UnitId};

/// What one unit added to the counters of its run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnitTally {
    /// The unit.
    pub unit: UnitId,
    /// The instance that it belongs to, if it was taken to help. It then adds nothing to the counters of the run.
    pub from: Option<InstanceId>,
    /// Its settled items, including those of earlier runs.
    pub counts: Counts,
    /// Its bad items, by reason.
    pub reasons: BTreeMap<Reason, u64>,
    /// What each of its parts added, if it is split; the sum is `counts` and `reasons`.
    pub parts: BTreeMap<PartId, Share>,
}

impl UnitTally {
    /// Counts a settled item, of a part or of the unit itself.
    pub(super) fn settle(
        &mut self,
        part: Option<PartId>,
        settled: Settled,
        reason: Option<Reason>,
    ) {
        for (counts, reasons) in self.counters(part) {
            counts.settle(settled);
            if let Some(reason) = reason {
                *reasons.entry(reason).or_default() += 1;
            }
        }
    }

    /// Moves an item from its earlier outcome to a new one.
    pub(super) fn resettle(
        &mut self,
        part: Option<PartId>,
        before: (Settled, Option<Reason>),
        now: (Settled, Option<Reason>),
    ) {
        for (counts, reasons) in self.counters(part) {
            counts.resettle(before.0, now.0);
            if let Some(was) = before.1 {
                forget(reasons, was, 1);
            }
            if let Some(reason) = now.1 {
                *reasons.entry(reason).or_default() += 1;
            }
        }
    }

    /// The counters that an item changes: those of its part, if it has one, and those of the unit.
    fn counters(&mut self, part: Option<PartId>) -> impl Iterator<Item = Counters<'_>> {
        let share = part.map(|part| self.parts.entry(part).or_default());
        let share = share.map(|share| (&mut share.counts, &mut share.reasons));
        share
            .into_iter()
            .chain([(&mut self.counts, &mut self.reasons)])
    }
}

type Counters<'a> = (&'a mut Counts, &'a mut BTreeMap<Reason, u64>);

/// Subtracts from the count of a reason.
pub(super) fn forget(reasons: &mut BTreeMap<Reason, u64>, reason: Reason, times: u64) {
    if let Some(count) = reasons.get_mut(&reason) {
        *count = count.saturating_sub(times);
    }
    reasons.retain(|_, count| *count > 0);
}

/// What one part added to the counters of its unit.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Share {
    /// Its settled items.
    pub counts: Counts,
    /// Its bad items, by reason.
    pub reasons: BTreeMap<Reason, u64>,
    /// What other instances settled in it during this run; part of `counts`.
    pub elsewhere: Counts,
}

impl Share {
    /// The tally of a part by its row; `before` is the one before, if there is one.
    pub(super) fn from_count(count: &PartCount, before: Option<&Self>) -> Self {
        let counts = settled(count.counts);
        let elsewhere = before.map_or(Counts::default(), |before| {
            let more = counts.without(&before.counts);
            before.elsewhere.plus(&more).at_most(&counts)
        });
        Self {
            counts,
            reasons: count.reasons.clone(),
            elsewhere,
        }
    }
}

/// Counts of what is settled, with nothing planned.
pub(super) fn settled(counts: Counts) -> Counts {
    Counts {
        planned: 0,
        ..counts
    }
}

/// Leased units, and units that were left before they ended. When such a unit is leased again, it replaces what it
/// added before.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct UnitTallies {
    held: Vec<UnitTally>,
    left: Vec<UnitTally>,
}

impl UnitTallies {
    /// Records that a unit is about to be leased to help.
    pub(super) fn help(&mut self, unit: &UnitId, from: &InstanceId) {
        self.held.push(UnitTally {
            unit: unit.clone(),
            from: Some(from.clone()),
            counts: Counts::default(),
            reasons: BTreeMap::new(),
            parts: BTreeMap::new(),
        });
    }

    /// Records a leased unit. Returns what it added when it was leased before.
    pub(super) fn take(
        &mut self,
        unit: &UnitId,
        counts: Counts,
        reasons: &BTreeMap<Reason, u64>,
    ) -> Option<UnitTally> {
        let before = self.left.iter().position(|tally| tally.unit == *unit);
        self.held.push(UnitTally {
            unit: unit.clone(),
            from: None,
            counts,
            reasons: reasons.clone(),
            parts: BTreeMap::new(),
        });
        before.map(|place| self.left.swap_remove(place))
    }

    /// The unit, if it is leased.
    pub(super) fn get(&mut self, unit: &UnitId) -> Option<&mut UnitTally> {
        self.held.iter_mut().find(|tally| tally.unit == *unit)
    }

    /// Removes a unit that ended.
    pub(super) fn end(&mut self, unit: &UnitId) -> Option<UnitTally> {
        let place = self.held.iter().position(|tally| tally.unit == *unit)?;
        Some(self.held.swap_remove(place))
    }

    /// Records that a unit was left before it ended. Returns whether it was leased to help.
    pub(super) fn drop(&mut self, unit: &UnitId) -> bool {
        match self.end(unit) {
            Some(tally) if tally.from.is_some() => true,
            Some(tally) => {
                self.left.push(tally);
                false
            }
            None => false,
        }
    }
}
