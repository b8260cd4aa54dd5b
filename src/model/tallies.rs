//! Leased units, and what each of them added to a run's counters.

use std::collections::BTreeMap;

use super::{Counts, InstanceId, PartCount, PartId, Reason, Settled, UnitId};

/// What one unit added to the counters of its run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnitTally {
    /// The unit.
    pub unit: UnitId,
    /// Whose it is, when it was taken to help: then it adds nothing to the run's own counters.
    pub from: Option<InstanceId>,
    /// Its settled items, those of earlier runs too.
    pub counts: Counts,
    /// The bad ones, by reason.
    pub reasons: BTreeMap<Reason, u64>,
    /// What lies in each of its parts, if it is split: makes up `counts` and `reasons`.
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

    /// Recounts an item that was counted before; why it was bad, if it was.
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

    /// The counters that an item of a part moves, or one of the unit itself.
    fn counters(&mut self, part: Option<PartId>) -> impl Iterator<Item = Counters<'_>> {
        let share = part.map(|part| self.parts.entry(part).or_default());
        let share = share.map(|share| (&mut share.counts, &mut share.reasons));
        share
            .into_iter()
            .chain([(&mut self.counts, &mut self.reasons)])
    }
}

type Counters<'a> = (&'a mut Counts, &'a mut BTreeMap<Reason, u64>);

/// Counts a reason so many times less.
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
    /// The bad ones, by reason.
    pub reasons: BTreeMap<Reason, u64>,
    /// What other instances settled of it in this run; no more than `counts`.
    pub elsewhere: Counts,
}

impl Share {
    /// What a row says of a part; `before` is what was said of it, none if it is new.
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

/// Leased units, and those that left it without their final outcome: taken up again, a unit replaces
/// what it added before.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct UnitTallies {
    held: Vec<UnitTally>,
    left: Vec<UnitTally>,
}

impl UnitTallies {
    /// Notes that a unit is about to be leased to help.
    pub(super) fn help(&mut self, unit: &UnitId, from: &InstanceId) {
        self.held.push(UnitTally {
            unit: unit.clone(),
            from: Some(from.clone()),
            counts: Counts::default(),
            reasons: BTreeMap::new(),
            parts: BTreeMap::new(),
        });
    }

    /// A unit is leased; gives what it added when it was leased before.
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

    /// A unit has its final outcome.
    pub(super) fn end(&mut self, unit: &UnitId) -> Option<UnitTally> {
        let place = self.held.iter().position(|tally| tally.unit == *unit)?;
        Some(self.held.swap_remove(place))
    }

    /// A unit leaves without its final outcome; whether it was leased to help.
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
