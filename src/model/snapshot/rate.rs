//! How many items were settled lately.

use std::collections::VecDeque;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::model::UnixMillis;

/// The time that a rate covers.
const WINDOW: Duration = Duration::from_mins(2);
/// Items within this time are counted together.
const GRAIN: Duration = Duration::from_secs(2);

/// Items settled over the last two minutes.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Rate {
    slots: VecDeque<(UnixMillis, u64)>,
}

impl Rate {
    /// Drops all counts.
    pub(super) fn clear(&mut self) {
        self.slots.clear();
    }

    /// Counts one item.
    pub fn count(&mut self, now: UnixMillis) {
        let grain = GRAIN.as_secs() * 1_000;
        let slot = UnixMillis(now.0 / grain * grain);
        match self.slots.back_mut() {
            Some((at, count)) if *at == slot => *count += 1,
            _ => self.slots.push_back((slot, 1)),
        }
        let is_old = |(at, _): &(UnixMillis, u64)| *at + WINDOW < now;
        while self.slots.front().is_some_and(is_old) {
            self.slots.pop_front();
        }
    }

    /// Items a minute up to `now`; `since` is when counting began.
    #[must_use]
    #[expect(
        clippy::cast_precision_loss,
        reason = "a rate is shown with two digits"
    )]
    pub fn per_minute(&self, since: UnixMillis, now: UnixMillis) -> f64 {
        let start = since.max(now - WINDOW);
        let slots = self.slots.iter().filter(|(at, _)| *at + GRAIN > start);
        let count: u64 = slots.map(|(_, count)| count).sum();
        let span = now.since(start).max(Duration::from_secs(1));
        count as f64 * 60.0 / span.as_secs_f64()
    }
}
