//! The safety rule: too many unexpected failures stop the run.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use crate::model::Failure;

/// So many unexpected failures are never too many, whatever the rate.
const SPARE: u64 = 4;

/// Counts settled items and unexpected failures.
#[derive(Debug)]
pub(super) struct Health {
    most: f64,
    floor: u64,
    settled: AtomicU64,
    unexpected: AtomicU64,
    broken: Mutex<Option<String>>,
}

impl Health {
    pub(super) fn new(most: f64, floor: u64) -> Self {
        Self {
            most,
            floor,
            settled: AtomicU64::new(0),
            unexpected: AtomicU64::new(0),
            broken: Mutex::new(None),
        }
    }

    /// Counts a settled item; the reason to stop, when the rule is broken by it.
    #[expect(
        clippy::cast_precision_loss,
        reason = "a rate is compared, not counted"
    )]
    pub(super) fn count(&self, failure: Option<&Failure>) -> Option<String> {
        let settled = self.settled.fetch_add(1, Ordering::AcqRel) + 1;
        let failure = failure.filter(|failure| failure.is_unexpected())?;
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

    /// Notes that a rule of another kind was broken.
    pub(super) fn refuse(&self, reason: &str) {
        let mut broken = self.broken.lock().unwrap_or_else(PoisonError::into_inner);
        broken.get_or_insert_with(|| reason.to_owned());
    }

    /// Which rule was broken, if one was.
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
    use crate::model::Reason;

    #[test]
    fn unexpected_failures_above_the_rate_stop_the_run() {
        let health = Health::new(0.05, 50);
        let failure = Failure::transient(Reason::ServiceError, "500");
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

    #[test]
    fn failures_that_the_data_explains_are_not_held_against_the_run() {
        let health = Health::new(0.05, 50);
        let failure = Failure::permanent(Reason::MissingDelegation, "none");
        assert!((0..200).all(|_| health.count(Some(&failure)).is_none()));
    }
}
