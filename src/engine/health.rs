//! The safety rules: too many unexpected failures stop the run. So do too many failures that the data explains, because
//! a wrong setting causes them, too.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use crate::model::{Failure, Reason, Reasons, UnitId};

/// The number of last settled items over which reasons that the data explains are counted.
const WINDOW: usize = 200;
/// A reason must occur in this many units: the data of one or two may well be like that.
const UNITS: usize = 3;
/// The share of the window that one reason may have, unless more is expected.
const USUAL: f64 = 0.2;

/// This many unexpected failures never stop a run.
const SPARE: u64 = 4;

/// The units of the last items, with reasons that the data explains.
type Last = VecDeque<(Arc<str>, Option<Reason>)>;

/// Counts settled items and unexpected failures.
#[derive(Debug)]
pub(super) struct Health {
    most: f64,
    floor: u64,
    settled: AtomicU64,
    unexpected: AtomicU64,
    broken: Mutex<Option<String>>,
    /// The last items; `None` if reasons that the data explains are not counted.
    last: Option<Mutex<Last>>,
    expected: BTreeMap<Reason, f64>,
    reasons: Reasons,
}

impl Health {
    pub(super) fn new(most: f64, floor: u64, reasons: Reasons) -> Self {
        Self {
            most,
            floor,
            settled: AtomicU64::new(0),
            unexpected: AtomicU64::new(0),
            broken: Mutex::new(None),
            last: None,
            expected: BTreeMap::new(),
            reasons,
        }
    }

    /// The same, which also counts reasons that the data explains. `expected` is the share of items that a reason may
    /// have.
    pub(super) fn suspicious(mut self, expected: BTreeMap<Reason, f64>) -> Self {
        self.last = Some(Mutex::default());
        self.expected = expected;
        self
    }

    /// Counts a settled item by its reason, if the data explains it. Returns why to stop, if the rule is broken.
    pub(super) fn suspect(&self, unit: &UnitId, failure: Option<&Failure>) -> Option<String> {
        let reason = failure
            .filter(|failure| !self.reasons.is_unexpected(failure))
            .map(|failure| failure.reason);
        let mut last = self
            .last
            .as_ref()?
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        last.push_back((Arc::clone(&unit.name), reason));
        if last.len() > WINDOW {
            last.pop_front();
        }
        if last.len() < WINDOW {
            return None;
        }
        let (reason, rate, units) = self.too_often(&last)?;
        let most = self.usual(reason);
        let why = format!(
            "{:.0} % of the last {WINDOW} items ended with {reason}, in {units} units: more than the {:.0} % that the data alone is \
             expected to cause{}. If the data really is like that, run again with --expect {reason}={:.0}%",
            rate * 100.0,
            most * 100.0,
            self.reasons
                .suspects(reason)
                .map_or_else(String::new, |settings| format!(
                    "; a wrong setting looks like this: check {settings}"
                )),
            (rate * 100.0 + 10.0).min(100.0)
        );
        self.refuse(&why);
        Some(why)
    }

    /// The share of items that a reason may have.
    fn usual(&self, reason: Reason) -> f64 {
        self.expected.get(&reason).copied().unwrap_or(USUAL)
    }

    /// A reason that too many of the last items have, in enough units: the reason, its share and the number of units.
    #[expect(clippy::cast_precision_loss, reason = "a part of 200")]
    fn too_often(&self, last: &Last) -> Option<(Reason, f64, usize)> {
        let mut counts = BTreeMap::<Reason, usize>::new();
        for (_, reason) in last {
            if let Some(reason) = reason {
                *counts.entry(*reason).or_default() += 1;
            }
        }
        counts.into_iter().find_map(|(reason, count)| {
            let rate = count as f64 / last.len() as f64;
            if rate <= self.usual(reason) {
                return None;
            }
            let alike = last.iter().filter(|(_, other)| *other == Some(reason));
            let units: BTreeSet<&Arc<str>> = alike.map(|(unit, _)| unit).collect();
            (units.len() >= UNITS).then_some((reason, rate, units.len()))
        })
    }

    /// Counts a settled item. Returns why to stop, if the rule is broken.
    #[expect(
        clippy::cast_precision_loss,
        reason = "a rate is compared, not counted"
    )]
    pub(super) fn count(&self, failure: Option<&Failure>) -> Option<String> {
        let settled = self.settled.fetch_add(1, Ordering::AcqRel) + 1;
        let failure = failure.filter(|failure| self.reasons.is_unexpected(failure))?;
        let unexpected = self.unexpected.fetch_add(1, Ordering::AcqRel) + 1;
        let rate = unexpected as f64 / settled as f64;
        if settled < self.floor || unexpected <= SPARE || rate <= self.most {
            return None;
        }
        let reason = format!(
            "{unexpected} of {settled} items failed unexpectedly ({:.1} %, allowed {:.1} %), last: {failure}",
            rate * 100.0,
            self.most * 100.0
        );
        let mut broken = self.broken.lock().unwrap_or_else(PoisonError::into_inner);
        broken.get_or_insert(reason.clone());
        Some(reason)
    }

    /// Records that another rule was broken.
    pub(super) fn refuse(&self, reason: &str) {
        let mut broken = self.broken.lock().unwrap_or_else(PoisonError::into_inner);
        broken.get_or_insert_with(|| reason.to_owned());
    }

    /// The broken rule, if there is one.
    pub(super) fn broken(&self) -> Option<String> {
        self.broken
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::tests::reasons::REASONS;

    #[test]
    fn unexpected_failures_above_the_rate_stop_the_run() {
        let health = Health::new(0.05, 50, REASONS);
        let failure = Failure::transient(Reason::SERVICE_ERROR, "500");
        let mut stopped_at = None;
        for number in 1..=100_u32 {
            let bad = number.is_multiple_of(10).then_some(&failure);
            if health.count(bad).is_some() && stopped_at.is_none() {
                stopped_at = Some(number);
            }
        }
        assert_eq!(stopped_at, Some(50));
        assert!(health.broken().is_some());
    }

    fn unit(number: usize) -> UnitId {
        UnitId::new("owner", format!("unit-{number}"))
    }

    /// Of `bad` in a hundred items in so many units; whether it stops.
    fn stops(health: &Health, bad: usize, units: usize) -> Option<String> {
        let failure = Failure::permanent(Reason::new("MISSING_BLOB"), "nowhere");
        (0..1_000).find_map(|number| {
            let failed = (number % 100 < bad).then_some(&failure);
            health.suspect(&unit(number % units), failed)
        })
    }

    #[test]
    fn a_reason_of_the_data_that_takes_too_much_is_suspected() {
        let health = || Health::new(0.05, 50, REASONS).suspicious(BTreeMap::new());
        assert_eq!(stops(&health(), 19, 7), None);
        let why = stops(&health(), 60, 7).expect("a wrong setting looks like this");
        for part in [
            "MISSING_BLOB",
            "CARPARK_PUBLIC_URL",
            "--expect MISSING_BLOB=",
        ] {
            assert!(why.contains(part), "{why}");
        }
        // Also when what has no such reason ends last.
        let late = health();
        let failure = Failure::permanent(Reason::new("MISSING_BLOB"), "nowhere");
        let stopped = (0..260)
            .find_map(|number| late.suspect(&unit(number % 7), (number < 176).then_some(&failure)));
        assert!(stopped.is_some());
        // One customer may have lost everything.
        assert_eq!(stops(&health(), 100, 2), None);
        let expected = BTreeMap::from([(Reason::new("MISSING_BLOB"), 0.7)]);
        let told = Health::new(0.05, 50, REASONS).suspicious(expected);
        assert_eq!(stops(&told, 60, 7), None);
        // Who tries failures again meets nothing else.
        assert_eq!(stops(&Health::new(0.05, 50, REASONS), 100, 7), None);
    }

    #[test]
    fn failures_that_the_data_explains_are_not_held_against_the_run() {
        let health = Health::new(0.05, 50, REASONS);
        let failure = Failure::permanent(Reason::new("MISSING_DELEGATION"), "none");
        assert!((0..200).all(|_| health.count(Some(&failure)).is_none()));
    }
}
