//! How many items were settled lately.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

/// How long a rate looks back, in milliseconds.
const RATE_WINDOW_MS: u64 = 120_000;
/// The grain of a rate, in milliseconds.
const RATE_GRAIN_MS: u64 = 2_000;

/// Items settled over the last two minutes.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Rate {
    slots: VecDeque<(u64, u64)>,
}

impl Rate {
    /// Forgets what was counted.
    pub(super) fn clear(&mut self) {
        self.slots.clear();
    }

    /// Counts one item.
    pub fn count(&mut self, now: u64) {
        let slot = now / RATE_GRAIN_MS * RATE_GRAIN_MS;
        match self.slots.back_mut() {
            Some((at, count)) if *at == slot => *count += 1,
            _ => self.slots.push_back((slot, 1)),
        }
        while self
            .slots
            .front()
            .is_some_and(|(at, _)| at + RATE_WINDOW_MS < now)
        {
            self.slots.pop_front();
        }
    }

    /// Items a minute, seen from `now`; `since` is when counting began.
    #[must_use]
    #[expect(
        clippy::cast_precision_loss,
        reason = "a rate is shown with two digits"
    )]
    pub fn per_minute(&self, since: u64, now: u64) -> f64 {
        let start = since.max(now.saturating_sub(RATE_WINDOW_MS));
        let count: u64 = self
            .slots
            .iter()
            .filter(|(at, _)| at + RATE_GRAIN_MS > start)
            .map(|(_, count)| count)
            .sum();
        let span = now.saturating_sub(start).max(1_000);
        count as f64 * 60_000.0 / span as f64
    }
}
