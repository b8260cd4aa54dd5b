//! A point in wall time, as rows, files and reports hold it.
//!
//! Imports no room. Never reads a clock.

use std::fmt;
use std::ops::{Add, Sub};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use time::macros::format_description;

/// Milliseconds since 1970. Stored as a number, shown as `2026-01-01T00:00:00.000Z`.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct UnixMillis(pub u64);

impl UnixMillis {
    /// The earliest time. Stored state has it where a time is not set.
    pub const ZERO: Self = Self(0);

    /// The latest time.
    pub const MAX: Self = Self(u64::MAX);

    /// Reads a time with any offset and any number of decimals. `None` for other text and for times before 1970.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let time = OffsetDateTime::parse(text, &Rfc3339).ok()?;
        let millis = u64::try_from(time.unix_timestamp_nanos() / 1_000_000);
        millis.ok().map(Self)
    }

    /// The time from `earlier` to this; zero if `earlier` is later.
    #[must_use]
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(self.0.saturating_sub(earlier.0))
    }
}

impl Add<Duration> for UnixMillis {
    type Output = Self;

    fn add(self, span: Duration) -> Self {
        Self(self.0.saturating_add(millis(span)))
    }
}

impl Sub<Duration> for UnixMillis {
    type Output = Self;

    fn sub(self, span: Duration) -> Self {
        Self(self.0.saturating_sub(millis(span)))
    }
}

impl fmt::Display for UnixMillis {
    /// What lies beyond the year 9999 is shown as its last millisecond.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let format = format_description!(
            "[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:3]Z"
        );
        let time = OffsetDateTime::from_unix_timestamp_nanos(i128::from(self.0) * 1_000_000);
        let text = time.ok().and_then(|time| time.format(format).ok());
        f.write_str(text.as_deref().unwrap_or("9999-12-31T23:59:59.999Z"))
    }
}

/// Whole milliseconds of a duration.
fn millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_survives_the_way_through_text() {
        let time = UnixMillis(1_767_225_600_123);
        assert_eq!(time.to_string(), "2026-01-01T00:00:00.123Z");
        assert_eq!(UnixMillis::parse("2026-01-01T00:00:00.123Z"), Some(time));
        assert_eq!(
            UnixMillis::parse("2026-01-01T02:00:00+02:00"),
            Some(UnixMillis(1_767_225_600_000))
        );
        assert_eq!(UnixMillis::MAX.to_string(), "9999-12-31T23:59:59.999Z");
        assert_eq!(UnixMillis::parse("yesterday"), None);
        assert_eq!(serde_json::to_string(&time).unwrap(), "1767225600123");
    }
}
