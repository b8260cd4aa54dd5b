//! Counts units as they are leased, released and settled.

use std::collections::BTreeMap;

use super::{NAMED, Snapshot, TakenUnit};
use crate::model::tallies::{Share, forget, settled};
use crate::model::{Counts, Event, PartCount, Reason, Status, TakenOver, UnitId};

impl Snapshot {
    pub(super) fn take_over(&mut self, unit: &UnitId, found: &TakenOver, counts: &Counts) {
        let named = &mut self.taken_over_named;
        if named.iter().any(|taken| taken.unit == *unit) {
            return;
        }
        self.taken_over += 1;
        if named.len() < NAMED {
            named.push(TakenUnit {
                unit: unit.clone(),
                found: found.clone(),
                kept: found.is_trusted() && counts.left() == 0,
                now: None,
            });
        }
    }

    pub(super) fn unit_leased(&mut self, event: &Event) {
        let Event::UnitLeased {
            unit,
            counts,
            reasons,
            taken_over,
        } = event
        else {
            return;
        };
        if let Some(found) = taken_over {
            self.take_over(unit, found, counts);
        }
        if self.tallies.get(unit).is_some() {
            // It was taken to help: only what is settled from now on counts, and apart.
            self.units.active += 1;
            return;
        }
        if let Some(part) = unit.part {
            let (counts, reasons) = (*counts, reasons.clone());
            let one = PartCount {
                part,
                counts,
                reasons,
            };
            self.parts_counted(&unit.whole(), &[one]);
            return;
        }
        self.units.active += 1;
        self.count(unit, *counts, reasons);
    }

    /// Counts a unit that the run did not start, unless it was leased before.
    pub(super) fn unit_counted(&mut self, event: &Event) {
        let Event::UnitCounted {
            unit,
            counts,
            reasons,
            announced,
        } = event
        else {
            return;
        };
        if self.tallies.get(unit).is_none() {
            let released = self.units.released;
            self.count(unit, *counts, reasons);
            self.tallies.drop(unit);
            self.units.released = released;
            self.announced = (self.announced + counts.planned).saturating_sub(*announced);
            self.counts.planned = self.announced.max(self.counts.settled());
        }
    }

    /// Adds what was settled in a unit before. Replaces what was counted for it.
    fn count(&mut self, unit: &UnitId, counts: Counts, reasons: &BTreeMap<Reason, u64>) {
        let settled = settled(counts);
        if let Some(before) = self.tallies.take(unit, settled, reasons) {
            self.units.released = self.units.released.saturating_sub(1);
            self.counts = self.counts.without(&before.counts);
            // What it settled and did not save is settled again.
            self.this_run = self.this_run.without(&before.counts.without(&settled));
            self.this_run.close();
            for share in before.parts.values() {
                self.elsewhere = self.elsewhere.without(&share.elsewhere);
            }
            for (reason, count) in before.reasons {
                forget(&mut self.reasons, reason, count);
            }
        } else {
            self.settled_before += counts.settled();
        }
        let planned = self.counts.planned;
        self.counts = self.counts.plus(&settled);
        self.counts.planned = planned.max(self.counts.settled());
        for (reason, count) in reasons {
            *self.reasons.entry(*reason).or_default() += count;
        }
    }

    /// A unit, or a part that was taken to help, was left before it ended.
    pub(super) fn unit_left(&mut self, unit: &UnitId) {
        if unit.part.is_some() && self.tallies.get(unit).is_none() {
            return;
        }
        self.units.active = self.units.active.saturating_sub(1);
        if !self.tallies.drop(unit) {
            self.units.released += 1;
        }
    }

    pub(super) fn parts_counted(&mut self, unit: &UnitId, parts: &[PartCount]) {
        let Some(tally) = self.tallies.get(unit).filter(|tally| tally.from.is_none()) else {
            return;
        };
        let planned = self.counts.planned;
        if tally.parts.is_empty() {
            self.counts = self.counts.without(&tally.counts);
            for (reason, count) in std::mem::take(&mut tally.reasons) {
                forget(&mut self.reasons, reason, count);
            }
            tally.counts = Counts::default();
        }
        for count in parts {
            let before = tally.parts.remove(&count.part);
            let share = Share::from_count(count, before.as_ref());
            if let Some(before) = before {
                self.counts = self.counts.without(&before.counts);
                tally.counts = tally.counts.without(&before.counts);
                self.elsewhere = self.elsewhere.without(&before.elsewhere);
                for (reason, count) in before.reasons {
                    forget(&mut self.reasons, reason, count);
                    forget(&mut tally.reasons, reason, count);
                }
            }
            self.counts = self.counts.plus(&share.counts);
            tally.counts = tally.counts.plus(&share.counts);
            self.elsewhere = self.elsewhere.plus(&share.elsewhere);
            for (reason, count) in &share.reasons {
                *self.reasons.entry(*reason).or_default() += count;
                *tally.reasons.entry(*reason).or_default() += count;
            }
            tally.parts.insert(count.part, share);
        }
        self.counts.planned = planned.max(self.counts.settled());
    }

    pub(super) fn unit_settled(&mut self, event: &Event) {
        let Event::UnitSettled {
            unit,
            status,
            counts,
            announced,
        } = event
        else {
            return;
        };
        let tally = self.tallies.end(unit);
        if unit.part.is_some() && tally.is_none() {
            return;
        }
        self.units.active = self.units.active.saturating_sub(1);
        if tally.is_some_and(|tally| tally.from.is_some()) {
            self.units.helped += u64::from(unit.part.is_none());
            return;
        }
        self.announced = (self.announced + counts.planned).saturating_sub(*announced);
        self.counts.planned = self.announced.max(self.counts.settled());
        let mut taken = self.taken_over_named.iter_mut();
        if let Some(taken) = taken.find(|taken| taken.unit == *unit) {
            taken.now = Some((*status, *counts));
        }
        match status {
            Status::Completed => self.units.completed += 1,
            Status::Failed => self.units.failed += 1,
            Status::Pending | Status::InProgress => {}
        }
    }
}
