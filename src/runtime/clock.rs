//! The only clock, and its times as text.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use time::macros::format_description;

/// A moment of the monotonic clock. It stands still when tokio's time is paused, and only then.
pub type Instant = tokio::time::Instant;

/// Wall time and monotonic time from one source, so that a test can set both.
#[derive(Debug, Clone, Copy, Default)]
pub struct Clock {
    /// Wall time in Unix milliseconds at a moment; none asks the system.
    set: Option<(u64, Instant)>,
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
            set: Some((unix_ms, Instant::now())),
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
    pub fn instant(&self) -> Instant {
        Instant::now()
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

/// Unix milliseconds as `2026-01-01T00:00:00.000Z`; what lies beyond the year 9999 as its last millisecond.
#[must_use]
pub fn iso_of(unix_ms: u64) -> String {
    let format =
        format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:3]Z");
    let time = OffsetDateTime::from_unix_timestamp_nanos(i128::from(unix_ms) * 1_000_000);
    time.ok()
        .and_then(|time| time.format(format).ok())
        .unwrap_or_else(|| "9999-12-31T23:59:59.999Z".to_owned())
}

/// Unix milliseconds of a time with any offset and any number of decimals; none if it is no time, or before 1970.
#[must_use]
pub fn iso_to_unix_ms(text: &str) -> Option<u64> {
    let time = OffsetDateTime::parse(text, &Rfc3339).ok()?;
    u64::try_from(time.unix_timestamp_nanos() / 1_000_000).ok()
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

    #[test]
    fn a_time_survives_the_way_through_text() {
        assert_eq!(iso_of(1_767_225_600_123), "2026-01-01T00:00:00.123Z");
        assert_eq!(
            iso_to_unix_ms("2026-01-01T00:00:00.123Z"),
            Some(1_767_225_600_123)
        );
        assert_eq!(
            iso_to_unix_ms("2026-01-01T02:00:00+02:00"),
            Some(1_767_225_600_000)
        );
        assert_eq!(iso_of(u64::MAX), "9999-12-31T23:59:59.999Z");
        assert_eq!(iso_to_unix_ms("yesterday"), None);
    }
}
