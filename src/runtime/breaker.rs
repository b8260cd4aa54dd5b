//! The circuit breaker: work waits while a service is down.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::Instant;

/// When a breaker opens and for how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BreakerConfig {
    /// Failed calls in a row that open it.
    pub failures: u32,
    /// How long it stays open at first. It doubles while the service stays down.
    pub pause: Duration,
    /// The longest it stays open before a call may try.
    pub longest_pause: Duration,
}

impl Default for BreakerConfig {
    fn default() -> Self {
        Self {
            failures: 8,
            pause: Duration::from_secs(2),
            longest_pause: Duration::from_secs(30),
        }
    }
}

/// Opens after several failed calls in a row. While it is open, callers wait and one at a time may try. Clones share
/// its state.
#[derive(Debug, Clone)]
pub struct Breaker {
    config: BreakerConfig,
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    failed: u32,
    open: Option<Open>,
}

/// The state of an open breaker.
#[derive(Debug, Clone)]
pub struct Open {
    /// Since when.
    pub since: Instant,
    /// When a call may try next.
    pub try_at: Instant,
    pause: Duration,
    /// The error of the last call.
    pub reason: String,
}

impl Breaker {
    /// A closed breaker.
    #[must_use]
    pub fn new(config: BreakerConfig) -> Self {
        Self {
            config,
            state: Arc::default(),
        }
    }

    /// Waits until this caller may make a call. Returns at once while the breaker is closed.
    pub async fn admit(&self) {
        while let Some(at) = self.turn() {
            tokio::time::sleep_until(at).await;
        }
    }

    /// The state of the breaker if it is open.
    #[must_use]
    pub fn open(&self) -> Option<Open> {
        self.lock().open.clone()
    }

    /// Records that the service answered.
    pub fn good(&self) {
        *self.lock() = State::default();
    }

    /// Records a failed call that may mean that the service is down.
    pub fn failed(&self, reason: &str) {
        let now = Instant::now();
        let mut state = self.lock();
        state.failed = state.failed.saturating_add(1);
        if let Some(open) = &mut state.open {
            // Calls that were in flight when it opened do not lengthen the pause.
            if now >= open.try_at - open.pause {
                reason.clone_into(&mut open.reason);
            }
            return;
        }
        if state.failed >= self.config.failures {
            state.open = Some(Open {
                since: now,
                try_at: now + self.config.pause,
                pause: self.config.pause,
                reason: reason.to_owned(),
            });
        }
    }

    /// Opens the breaker at once: the service says that it is down.
    pub fn down(&self, reason: &str) {
        let mut state = self.lock();
        if state.open.is_none() {
            state.failed = self.config.failures.saturating_sub(1);
        }
        drop(state);
        self.failed(reason);
    }

    /// `None` if a call may be made now, else when to ask again. While open, the caller whose turn it is delays the
    /// next turn first.
    fn turn(&self) -> Option<Instant> {
        let mut state = self.lock();
        let open = state.open.as_mut()?;
        let now = Instant::now();
        if now < open.try_at {
            return Some(open.try_at);
        }
        open.pause = (open.pause * 2).min(self.config.longest_pause);
        open.try_at = now + open.pause;
        None
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::FutureExt;

    fn opened() -> Breaker {
        let breaker = Breaker::new(BreakerConfig::default());
        for _ in 0..8 {
            assert!(breaker.admit().now_or_never().is_some());
            breaker.failed("connection refused");
        }
        breaker
    }

    #[tokio::test(start_paused = true)]
    async fn a_row_of_failures_makes_callers_wait_and_one_good_answer_frees_them() {
        let breaker = opened();
        assert_eq!(breaker.open().unwrap().reason, "connection refused");
        let start = Instant::now();
        breaker.admit().await;
        assert_eq!(start.elapsed(), Duration::from_secs(2));
        assert!(breaker.admit().now_or_never().is_none(), "one at a time");
        breaker.good();
        assert!(breaker.open().is_none());
        assert!(breaker.admit().now_or_never().is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn pauses_grow_up_to_the_longest() {
        let breaker = opened();
        let mut last = Instant::now();
        let mut pauses = Vec::new();
        for _ in 0..6 {
            breaker.admit().await;
            breaker.failed("still down");
            pauses.push(last.elapsed().as_secs());
            last = Instant::now();
        }
        assert_eq!(pauses, [2, 4, 8, 16, 30, 30]);
    }

    #[tokio::test(start_paused = true)]
    async fn failures_with_answers_between_do_not_open_it() {
        let breaker = Breaker::new(BreakerConfig::default());
        for _ in 0..100 {
            breaker.failed("500");
            breaker.good();
        }
        assert!(breaker.open().is_none());
    }
}
