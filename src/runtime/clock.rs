//! The only clock.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// A moment of the monotonic clock. It stands still when tokio's time is paused, and only then.
pub type Moment = tokio::time::Instant;

/// Wall time and monotonic time from one source, so that a test can set both.
#[derive(Debug, Clone, Copy, Default)]
pub struct Clock {
    /// Wall time in Unix milliseconds at a moment; none asks the system.
    set: Option<(u64, Moment)>,
}

impl Clock {
    /// The system's clock.
    #[must_use]
    pub fn system() -> Self {
        Self { set: None }
    }

    /// A clock that shows `unix_ms` now and goes on with the monotonic clock, hence with paused
    /// time too.
    #[must_use]
    pub fn set_to(unix_ms: u64) -> Self {
        Self {
            set: Some((unix_ms, Moment::now())),
        }
    }

    /// Wall time, Unix milliseconds.
    #[must_use]
    pub fn unix_ms(&self) -> u64 {
        match self.set {
            Some((start, at)) => start.saturating_add(millis(at.elapsed())),
            None => system_unix_ms(),
        }
    }

    /// Wall time, Unix seconds.
    #[must_use]
    pub fn unix_secs(&self) -> u64 {
        self.unix_ms() / 1_000
    }

    /// Monotonic time.
    #[must_use]
    pub fn moment(&self) -> Moment {
        Moment::now()
    }
}

/// Whole milliseconds of a duration.
pub(super) fn millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}

#[expect(clippy::disallowed_methods, reason = "this is the clock")]
fn system_unix_ms() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, millis)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_set_clock_goes_with_paused_time() {
        let clock = Clock::set_to(1_000);
        tokio::time::sleep(Duration::from_secs(3)).await;
        assert_eq!(clock.unix_ms(), 4_000);
        assert_eq!(clock.unix_secs(), 4);
    }
}
