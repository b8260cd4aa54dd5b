//! Time, as the services of the local network see it.

use std::time::{SystemTime, UNIX_EPOCH};

/// Wall-clock time.
#[derive(Clone, Copy, Debug, Default)]
pub struct Clock;

impl Clock {
    /// Unix milliseconds.
    #[must_use]
    pub fn unix_ms(self) -> u64 {
        #[expect(clippy::disallowed_methods, reason = "becomes runtime::Clock")]
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        now.map_or(0, |now| u64::try_from(now.as_millis()).unwrap_or(u64::MAX))
    }

    /// Unix seconds.
    #[must_use]
    pub fn unix_s(self) -> u64 {
        self.unix_ms() / 1000
    }
}
