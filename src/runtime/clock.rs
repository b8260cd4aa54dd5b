//! The only clock.

use std::time::{SystemTime, UNIX_EPOCH};

use crate::time::UnixMillis;

/// A moment of the monotonic clock. It stops only when tokio's time is paused.
pub type Instant = tokio::time::Instant;

/// Wall time and monotonic time from one source, so that a test can set both.
#[derive(Debug, Clone, Copy, Default)]
pub struct Clock {
    /// The wall time at a moment of the monotonic clock; `None` asks the system.
    set: Option<(UnixMillis, Instant)>,
}

impl Clock {
    /// The system's clock.
    #[must_use]
    pub fn system() -> Self {
        Self { set: None }
    }

    /// A clock that shows `time` now. It follows the monotonic clock, so it stands still in paused time.
    #[must_use]
    pub fn set_to(time: UnixMillis) -> Self {
        Self {
            set: Some((time, Instant::now())),
        }
    }

    /// Wall time.
    #[must_use]
    pub fn now(&self) -> UnixMillis {
        match self.set {
            Some((start, at)) => start + at.elapsed(),
            None => system_time(),
        }
    }

    /// Wall time, Unix seconds.
    #[must_use]
    pub fn unix_secs(&self) -> u64 {
        self.now().0 / 1_000
    }

    /// Monotonic time.
    #[must_use]
    pub fn instant(&self) -> Instant {
        Instant::now()
    }
}

#[expect(clippy::disallowed_methods, reason = "this is the clock")]
fn system_time() -> UnixMillis {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    UnixMillis::ZERO + since.unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_set_clock_goes_with_paused_time() {
        let clock = Clock::set_to(UnixMillis(1_000));
        tokio::time::sleep(Duration::from_secs(3)).await;
        assert_eq!(clock.now(), UnixMillis(4_000));
        assert_eq!(clock.unix_secs(), 4);
    }
}
