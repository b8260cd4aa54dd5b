//! How long a plan takes.

use std::time::Duration;

use super::distribute::Plan;

/// How fast uploads go.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Pace {
    /// Workers of one instance.
    pub workers: u32,
    /// Uploads that one worker does in a minute.
    pub uploads_per_worker_minute: f64,
}

/// A time between two bounds, because the pace is a guess until the run has one of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Estimate {
    /// If all goes well.
    pub shortest: Duration,
    /// If it goes badly.
    pub longest: Duration,
}

/// How long the largest share takes: at half as much again of the pace, and at half of it.
#[must_use]
pub fn estimate(plan: &Plan, pace: Pace) -> Estimate {
    let uploads = plan
        .shares
        .iter()
        .map(super::Share::uploads)
        .max()
        .unwrap_or(0);
    #[expect(clippy::cast_precision_loss, reason = "an estimate")]
    let minutes = uploads as f64
        / (f64::from(pace.workers.max(1)) * pace.uploads_per_worker_minute.max(0.001));
    let at = |factor: f64| {
        Duration::try_from_secs_f64((minutes * 60.0 * factor).ceil()).unwrap_or(Duration::MAX)
    };
    Estimate {
        shortest: at(1.0 / 1.5),
        longest: at(2.0),
    }
}
