//! How many calls a service gets at once: grows slowly, halves when the service is hurt.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::Moment;

/// After a halving, further signs of hurt from calls that were in flight then count for nothing.
const CALM: Duration = Duration::from_secs(1);

/// An adaptive limit of concurrent calls. Clones share it.
///
/// It starts at its most, halves when told that the service was hurt, and grows by one for each
/// round of good answers (as many as the limit) while it is below its most. Without signals it
/// stands still.
#[derive(Debug, Clone)]
pub struct Limit {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    permits: Arc<Semaphore>,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    most: u32,
    limit: u32,
    /// Permits that still have to be taken out of circulation.
    debt: u32,
    good: u32,
    halved_at: Option<Moment>,
    reason: Option<String>,
}

/// The right to make one call; given back when dropped.
#[derive(Debug)]
pub struct Permit {
    held: Option<OwnedSemaphorePermit>,
    shared: Arc<Shared>,
}

impl Limit {
    /// At most `most` calls at once, at least one.
    #[must_use]
    pub fn new(most: u32) -> Self {
        let most = most.max(1);
        Self {
            shared: Arc::new(Shared {
                permits: Arc::new(Semaphore::new(most as usize)),
                state: Mutex::new(State {
                    most,
                    limit: most,
                    debt: 0,
                    good: 0,
                    halved_at: None,
                    reason: None,
                }),
            }),
        }
    }

    /// Waits for the right to make a call.
    pub async fn permit(&self) -> Permit {
        let held = Arc::clone(&self.shared.permits).acquire_owned().await.ok();
        Permit {
            held,
            shared: Arc::clone(&self.shared),
        }
    }

    /// Calls allowed at once now.
    #[must_use]
    pub fn now(&self) -> u32 {
        self.shared.state().limit
    }

    /// Why the limit is below its most; none when it is not.
    #[must_use]
    pub fn reason(&self) -> Option<String> {
        let state = self.shared.state();
        (state.limit < state.most).then(|| state.reason.clone().unwrap_or_default())
    }

    /// Tells of a good answer.
    pub fn good(&self) {
        let mut state = self.shared.state();
        if state.limit >= state.most {
            return;
        }
        state.good += 1;
        if state.good >= state.limit {
            state.good = 0;
            state.limit += 1;
            if state.debt > 0 {
                state.debt -= 1;
            } else {
                self.shared.permits.add_permits(1);
            }
        }
    }

    /// Tells that the service asked for less traffic or did not keep up.
    pub fn hurt(&self, reason: &str) {
        let mut state = self.shared.state();
        let now = Moment::now();
        if state.halved_at.is_some_and(|at| now - at < CALM) {
            return;
        }
        let to = (state.limit / 2).max(1);
        let fewer = state.limit - to;
        let taken = self.shared.permits.forget_permits(fewer as usize);
        state.debt += fewer - u32::try_from(taken).unwrap_or(fewer);
        state.limit = to;
        state.good = 0;
        state.halved_at = Some(now);
        state.reason = Some(reason.to_owned());
    }
}

impl Shared {
    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        let Some(held) = self.held.take() else {
            return;
        };
        let mut state = self.shared.state();
        if state.debt > 0 {
            state.debt -= 1;
            held.forget();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::FutureExt;

    #[tokio::test(start_paused = true)]
    async fn halves_when_hurt_and_grows_by_one_a_round() {
        let limit = Limit::new(16);
        limit.hurt("429");
        limit.hurt("429 of the same burst");
        assert_eq!((limit.now(), limit.reason()), (8, Some("429".into())));
        for _ in 0..8 {
            limit.good();
        }
        assert_eq!(limit.now(), 9);
        tokio::time::sleep(CALM).await;
        limit.hurt("429");
        assert_eq!(limit.now(), 4);
        for _ in 0..1_000 {
            limit.good();
        }
        assert_eq!((limit.now(), limit.reason()), (16, None));
    }

    #[tokio::test(start_paused = true)]
    async fn calls_in_flight_pay_the_halving_when_they_end() {
        let limit = Limit::new(4);
        let mut held = Vec::new();
        for _ in 0..4 {
            held.push(limit.permit().await);
        }
        limit.hurt("slow");
        held.pop();
        held.pop();
        assert!(limit.permit().now_or_never().is_none());
        held.pop();
        assert!(limit.permit().now_or_never().is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn one_call_is_always_allowed() {
        let limit = Limit::new(1);
        for _ in 0..5 {
            limit.hurt("429");
            tokio::time::sleep(CALM).await;
        }
        assert!(limit.permit().now_or_never().is_some());
    }
}
