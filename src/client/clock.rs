//! Expirations of invocations.

use crate::runtime::Clock;

/// Seconds an invocation holds: enough for a slow connection and a clock that is off by a minute.
const LIFE: u64 = 120;

/// The end of an invocation that is issued now, Unix seconds.
pub(crate) fn expiry(clock: &Clock) -> u64 {
    clock.unix_secs() + LIFE
}
