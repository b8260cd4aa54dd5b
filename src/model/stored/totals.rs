//! The sum of all progress rows: the only source of totals.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::model::{Counts, InstanceId, Reason, UnitId};

use super::Status;

/// The most rows that are named because they do not add up.
const NAMED: usize = 20;

/// What one progress row contributes.
#[derive(Debug, Clone, Copy)]
pub struct RowCounts<'a> {
    /// The unit.
    pub unit: &'a UnitId,
    /// Its status; `None` for a status of another program.
    pub status: Option<Status>,
    /// Its counters.
    pub counts: Counts,
    /// The bad ones, by reason.
    pub reasons: &'a BTreeMap<Reason, u64>,
    /// The instance that the plan assigned it to, or that wrote it last.
    pub instance: Option<&'a InstanceId>,
}

/// Units or owners, counted by status.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ByStatus {
    /// Not started.
    pub pending: u64,
    /// Started and not ended.
    pub in_progress: u64,
    /// Ended without bad items.
    pub completed: u64,
    /// Ended with bad items.
    pub failed: u64,
    /// With a status of another program.
    pub foreign: u64,
}

impl ByStatus {
    /// All of them.
    #[must_use]
    pub fn all(&self) -> u64 {
        self.pending + self.in_progress + self.ended() + self.foreign
    }

    /// Those that have ended.
    #[must_use]
    pub fn ended(&self) -> u64 {
        self.completed + self.failed
    }

    /// Counts one.
    fn count(&mut self, status: Option<Status>) {
        *match status {
            Some(Status::Pending) => &mut self.pending,
            Some(Status::InProgress) => &mut self.in_progress,
            Some(Status::Completed) => &mut self.completed,
            Some(Status::Failed) => &mut self.failed,
            None => &mut self.foreign,
        } += 1;
    }

    /// The status of an owner with these units.
    fn together(&self) -> Option<Status> {
        if self.foreign > 0 {
            None
        } else if self.completed == self.all() {
            Some(Status::Completed)
        } else if self.pending == self.all() {
            Some(Status::Pending)
        } else if self.ended() == self.all() {
            Some(Status::Failed)
        } else {
            Some(Status::InProgress)
        }
    }
}

/// The sum of the units of one instance.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ShareTotals {
    /// Counters of its units.
    pub counts: Counts,
    /// Its units.
    pub units: ByStatus,
}

/// The sum of all progress rows.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ProgressTotals {
    /// Counters of all units.
    pub counts: Counts,
    /// Units.
    pub units: ByStatus,
    /// Owners, by the combined status of their units.
    pub owners: ByStatus,
    /// Bad items, by reason.
    pub reasons: BTreeMap<Reason, u64>,
    /// The same by the instance that the plan assigned units to.
    pub instances: BTreeMap<InstanceId, ShareTotals>,
    /// Units whose counters do not add up.
    pub uneven: u64,
    /// The first of them.
    pub uneven_named: Vec<UnitId>,
}

/// Sums rows in the order of the table, in which the rows of an owner are adjacent. Memory does not grow with the
/// number of rows.
#[derive(Debug, Clone, Default)]
pub struct Summing {
    totals: ProgressTotals,
    owner: Option<(std::sync::Arc<str>, ByStatus)>,
}

impl Summing {
    /// Adds a row.
    pub fn add(&mut self, row: RowCounts<'_>) {
        let totals = &mut self.totals;
        totals.counts = totals.counts.plus(&row.counts);
        totals.units.count(row.status);
        for (reason, number) in row.reasons {
            *totals.reasons.entry(*reason).or_default() += number;
        }
        if let Some(instance) = row.instance {
            let share = totals.instances.entry(instance.clone()).or_default();
            share.counts = share.counts.plus(&row.counts);
            share.units.count(row.status);
        }
        let by_reason: u64 = row.reasons.values().sum();
        if !row.counts.add_up() || by_reason > row.counts.bad() {
            totals.uneven += 1;
            if totals.uneven_named.len() < NAMED {
                totals.uneven_named.push(row.unit.clone());
            }
        }
        match &mut self.owner {
            Some((owner, units)) if *owner == row.unit.owner => units.count(row.status),
            _ => {
                self.close_owner();
                let mut units = ByStatus::default();
                units.count(row.status);
                self.owner = Some((std::sync::Arc::clone(&row.unit.owner), units));
            }
        }
    }

    /// Units so far.
    #[must_use]
    pub fn units(&self) -> u64 {
        self.totals.units.all()
    }

    /// The sum.
    #[must_use]
    pub fn end(mut self) -> ProgressTotals {
        self.close_owner();
        self.totals
    }

    fn close_owner(&mut self) {
        if let Some((_, units)) = self.owner.take() {
            self.totals.owners.count(units.together());
        }
    }
}

impl ProgressTotals {
    /// Whether all sums add up.
    #[must_use]
    pub fn adds_up(&self) -> bool {
        self.uneven == 0 && self.counts.add_up()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(done: u64, quarantined: u64, planned: u64) -> Counts {
        Counts {
            done,
            quarantined,
            ..Counts::planned(planned)
        }
    }

    fn sum(rows: &[(&str, Option<Status>, Counts)]) -> ProgressTotals {
        let reasons = BTreeMap::new();
        let one = InstanceId::number(1);
        let mut summing = Summing::default();
        for (number, (owner, status, counts)) in rows.iter().enumerate() {
            summing.add(RowCounts {
                unit: &UnitId::new(*owner, number.to_string()),
                status: *status,
                counts: *counts,
                reasons: &reasons,
                instance: (number % 2 == 0).then_some(&one),
            });
        }
        summing.end()
    }

    #[test]
    fn rows_are_summed_by_status_owner_and_instance() {
        use Status::{Completed, Failed, InProgress, Pending};
        let totals = sum(&[
            ("a", Some(Completed), counts(4, 0, 4)),
            ("a", Some(Failed), counts(3, 1, 4)),
            ("b", Some(InProgress), counts(1, 0, 9)),
            ("c", Some(Pending), counts(0, 0, 5)),
            ("d", None, counts(0, 0, 2)),
            ("e", Some(Completed), counts(1, 0, 1)),
        ]);
        assert_eq!((totals.counts.planned, totals.counts.settled()), (25, 10));
        assert_eq!((totals.units.all(), totals.units.ended()), (6, 3));
        let owners = totals.owners;
        let told = [
            owners.pending,
            owners.in_progress,
            owners.completed,
            owners.failed,
            owners.foreign,
        ];
        assert_eq!(told, [1; 5]);
        assert_eq!(totals.instances[&InstanceId::number(1)].units.all(), 3);
        assert!(totals.adds_up());
    }

    #[test]
    fn rows_that_do_not_add_up_are_counted_and_named() {
        let over = counts(52, 0, 50);
        let totals = sum(&[("a", Some(Status::Completed), over)]);
        assert_eq!((totals.uneven, totals.uneven_named.len()), (1, 1));
        assert!(!totals.adds_up());
        let many = [("a", Some(Status::Completed), over); 30];
        assert_eq!(sum(&many).uneven_named.len(), NAMED);
        // A surplus here and a lack there do not make it right.
        let hidden = sum(&[
            ("a", Some(Status::Completed), over),
            ("a", Some(Status::InProgress), counts(1, 0, 9)),
        ]);
        assert!(hidden.counts.add_up() && !hidden.adds_up());
    }
}
