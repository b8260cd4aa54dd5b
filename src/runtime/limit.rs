//! The adaptive limit of calls to a service, at once and per second.

mod cubic;
mod measure;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::Instant;
use cubic::CubicWindow;
use measure::{Latency, Throughput};

/// For this time after a halving, further signs of congestion are ignored: they come from calls that were already in
/// flight.
const CALM: Duration = Duration::from_secs(1);

/// The lowest pace, in calls per second.
const SLOWEST: f64 = 0.5;

/// An adaptive limit of calls, at once and per second. Clones share it.
///
/// It starts at the maximum, without a pace. A refusal (429) halves the calls at once and paces calls at half of what
/// the service answered in the last second. Slow answers halve the calls at once. Both bounds grow back along a cubic
/// curve: slowly near the point of congestion, faster beyond it, until they are lifted. Without answers they do not
/// change.
///
/// A bound of calls at once is not enough for a service that limits the rate: with short answers, two calls at once
/// instead of one double the rate.
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
    /// Permits that are still to be removed.
    debt: u32,
    at_once: Option<CubicWindow>,
    pace: Option<CubicWindow>,
    /// When the next paced call may begin.
    next_at: Instant,
    throughput: Throughput,
    latency: Latency,
    good_at: Instant,
    halved_at: Option<Instant>,
    reason: String,
}

/// The right to make one call. Dropping it releases the right.
#[derive(Debug)]
pub struct Permit {
    held: Option<OwnedSemaphorePermit>,
    shared: Arc<Shared>,
}

impl Limit {
    /// At most `most` calls at once, at least one.
    #[must_use]
    pub fn new(most: u32) -> Self {
        let (most, now) = (most.max(1), Instant::now());
        Self {
            shared: Arc::new(Shared {
                permits: Arc::new(Semaphore::new(most as usize)),
                state: Mutex::new(State {
                    most,
                    limit: most,
                    debt: 0,
                    at_once: None,
                    pace: None,
                    next_at: now,
                    throughput: Throughput::new(now),
                    latency: Latency::default(),
                    good_at: now,
                    halved_at: None,
                    reason: String::new(),
                }),
            }),
        }
    }

    /// Waits for the right to make a call.
    pub async fn permit(&self) -> Permit {
        let held = Arc::clone(&self.shared.permits).acquire_owned().await.ok();
        let permit = Permit {
            held,
            shared: Arc::clone(&self.shared),
        };
        if let Some(turn) = self.turn() {
            tokio::time::sleep_until(turn).await;
        }
        permit
    }

    /// Calls allowed at once now.
    #[must_use]
    pub fn now(&self) -> u32 {
        self.shared.state().limit
    }

    /// Why calls are limited; `None` if they are not.
    #[must_use]
    pub fn reason(&self) -> Option<String> {
        let state = self.shared.state();
        if let Some(pace) = &state.pace {
            return Some(format!(
                "{:.1} calls a second: {}",
                pace.bound(),
                state.reason
            ));
        }
        (state.limit < state.most).then(|| state.reason.clone())
    }

    /// Records a good answer and how long it took.
    pub fn good(&self, took: Duration) {
        let state = &mut *self.shared.state();
        let now = Instant::now();
        state.throughput.good(now);
        let since = now - std::mem::replace(&mut state.good_at, now);
        for curve in [&mut state.at_once, &mut state.pace] {
            if let Some(growing) = curve {
                growing.good(since);
            }
            *curve = curve.take().filter(|curve| !curve.is_over());
        }
        self.shared.resize(state);
        let full = self.shared.permits.available_permits() == 0;
        if let Some((lately, usually)) = state.latency.answer(took).filter(|_| full) {
            let reason = format!(
                "answers take {} ms, before {} ms",
                lately.as_millis(),
                usually.as_millis()
            );
            self.shared.on_congestion(state, &reason);
        }
    }

    /// Records that the service asked for less traffic.
    pub fn refused(&self, reason: &str) {
        let mut state = self.shared.state();
        if self.shared.on_congestion(&mut state, reason) {
            let now = Instant::now();
            let could = state.throughput.per_second(now);
            if let Some(could) = could.or(state.pace.map(|pace| pace.bound())) {
                state.pace = Some(CubicWindow::new(could.max(SLOWEST * 2.0)));
                state.next_at = now;
            }
        }
    }

    /// Records that the service did not keep up.
    pub fn slow(&self, reason: &str) {
        self.shared.on_congestion(&mut self.shared.state(), reason);
    }

    /// When a call that has its permit may start; `None` if calls are not paced.
    fn turn(&self) -> Option<Instant> {
        let mut state = self.shared.state();
        let between = Duration::from_secs_f64(1.0 / state.pace?.bound().max(SLOWEST));
        let turn = state.next_at.max(Instant::now());
        state.next_at = turn + between;
        Some(turn)
    }
}

impl Shared {
    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Halves the calls at once, unless they were halved a moment ago.
    fn on_congestion(&self, state: &mut State, reason: &str) -> bool {
        let now = Instant::now();
        if state.halved_at.is_some_and(|at| now - at < CALM) {
            return false;
        }
        state.halved_at = Some(now);
        reason.clone_into(&mut state.reason);
        state.at_once = Some(CubicWindow::new(f64::from(state.limit)));
        self.resize(state);
        true
    }

    /// Adds or removes permits to match the curve.
    fn resize(&self, state: &mut State) {
        let most = f64::from(state.most);
        let bound = state
            .at_once
            .map_or(most, |curve| curve.bound().clamp(1.0, most));
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "from 1 to `most`, a u32"
        )]
        let to = bound as u32;
        if to < state.limit {
            let fewer = state.limit - to;
            let taken = self.permits.forget_permits(fewer as usize);
            state.debt += fewer - u32::try_from(taken).unwrap_or(fewer);
        } else {
            let more = to - state.limit;
            let forgiven = more.min(state.debt);
            state.debt -= forgiven;
            self.permits.add_permits((more - forgiven) as usize);
        }
        state.limit = to;
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
mod tests;
