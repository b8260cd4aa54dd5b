//! Deadlines, tries and concurrency of calls.

use std::time::Duration;

/// Bounds of every call; the default suits the real network.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Deadline of one try of a small call (a query, a row, an invocation).
    pub call: Duration,
    /// Longest silence while a body is read; also the deadline of its head.
    pub idle: Duration,
    /// Deadline of opening a connection.
    pub connect: Duration,
    /// Tries of one idempotent call.
    pub tries: usize,
    /// First pause between tries; doubles, with full jitter.
    pub pause: Duration,
    /// Requests in flight per dependency.
    pub in_flight: usize,
    /// Shards of one upload that are streamed at once.
    pub shards_at_once: usize,
    /// How long a receipt is asked for before the accept counts as not known.
    pub receipt: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            call: Duration::from_secs(30),
            idle: Duration::from_secs(20),
            connect: Duration::from_secs(5),
            tries: 3,
            pause: Duration::from_millis(200),
            in_flight: 64,
            shards_at_once: 4,
            receipt: Duration::from_secs(20),
        }
    }
}
