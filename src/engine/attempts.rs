//! The second retry tier: whole attempts, and the waits between them.

use std::panic::AssertUnwindSafe;
use std::time::Duration;

use futures::FutureExt;

use crate::model::{Class, Failure, Reason};
use crate::runtime::Instant;

use super::config::Pace;

/// The failed attempts at one thing.
#[derive(Debug, Default)]
pub(crate) struct Attempts {
    /// Those that count.
    pub(crate) counted: u32,
    /// Those that do not count because of an outage.
    excused: u32,
    /// When the first one failed.
    first: Option<Instant>,
}

impl Attempts {
    /// Counts a failed attempt. Returns the wait before the next one, or `None` to give up. `is_excused` gets the time
    /// of the first failure, and returns whether this failure does not count.
    pub(crate) fn failed(
        &mut self,
        pace: &Pace,
        failure: &Failure,
        is_excused: impl FnOnce(Instant) -> bool,
    ) -> Option<Duration> {
        let first = *self.first.get_or_insert_with(Instant::now);
        let hopeless = matches!(failure.class, Class::Permanent | Class::Fatal)
            || failure.reason == Reason::LEASE_LOST;
        if !hopeless && is_excused(first) {
            self.excused += 1;
        } else {
            self.counted += 1;
            if hopeless || self.counted >= pace.attempts {
                return None;
            }
        }
        let failed = self.counted + self.excused;
        Some(pace.backoff().wait(failed, failure.retry_after))
    }
}

/// Runs `work`, and turns a panic into a failure.
///
/// # Errors
/// Those of `work`; [`Reason::INTERNAL`] when it panicked.
pub(crate) async fn caught<T>(
    what: &str,
    work: impl Future<Output = Result<T, Failure>>,
) -> Result<T, Failure> {
    let done = AssertUnwindSafe(work).catch_unwind().await;
    done.unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<&str>().map(ToString::to_string);
        let text = text.or_else(|| panic.downcast_ref::<String>().cloned());
        let text = format!("{what} panicked: {}", text.unwrap_or_default());
        Err(Failure::permanent(Reason::INTERNAL, text))
    })
}
