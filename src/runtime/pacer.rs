//! Spaces new work evenly over time. The pace can change while it runs.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::{Instant, Watched};

const MINUTE: Duration = Duration::from_mins(1);

/// A turn may be taken this late, because timers are coarse.
const CATCH_UP: Duration = Duration::from_millis(100);

/// Gives out turns at a rate per minute. Clones share it.
#[derive(Debug, Clone)]
pub struct Pacer {
    per_minute: Arc<Watched<Option<u32>>>,
    /// When the next turn is due.
    next: Arc<Mutex<Instant>>,
}

impl Default for Pacer {
    fn default() -> Self {
        Self {
            per_minute: Arc::new(Watched::default()),
            next: Arc::new(Mutex::new(Instant::now())),
        }
    }
}

impl Pacer {
    /// Without a limit.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the turns per minute, at least one; `None` is no limit. Waiting callers follow the new rate.
    pub fn set(&self, per_minute: Option<u32>) {
        self.per_minute
            .set(per_minute, || *self.lock() = Instant::now());
    }

    /// Turns per minute.
    #[must_use]
    pub fn per_minute(&self) -> Option<u32> {
        self.per_minute.get()
    }

    /// Waits for a turn. A wait that is dropped takes none.
    pub async fn turn(&self) {
        loop {
            let limit = self.per_minute();
            let Some(due) = self.take() else { return };
            tokio::select! {
                biased;
                () = tokio::time::sleep_until(due) => {}
                () = self.per_minute.other_than(limit) => {}
            }
        }
    }

    /// Takes a turn that is due, else returns when one will be.
    fn take(&self) -> Option<Instant> {
        let every = MINUTE / self.per_minute()?.max(1);
        let now = Instant::now();
        let mut next = self.lock();
        let due = (*next).max(now.checked_sub(CATCH_UP).unwrap_or(now));
        if due > now {
            return Some(due);
        }
        *next = due + every;
        None
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Instant> {
        self.next.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;

    use super::*;

    async fn taken_within(pacer: &Pacer, time: Duration) -> u32 {
        let until = Instant::now() + time;
        let mut taken = 0;
        while tokio::time::timeout_at(until, pacer.turn()).await.is_ok() {
            taken += 1;
        }
        taken
    }

    #[tokio::test(start_paused = true)]
    async fn turns_are_given_out_as_often_as_allowed() {
        let pacer = Pacer::new();
        assert!((0..1_000).all(|_| pacer.turn().now_or_never().is_some()));
        for (per_minute, seconds, wanted) in [(60, 30, 30), (6_000, 10, 1_000), (90_000, 4, 6_000)]
        {
            pacer.set(Some(per_minute));
            let taken = taken_within(&pacer, Duration::from_secs(seconds)).await;
            let burst = per_minute / 600 + 1;
            assert!(
                (wanted..=wanted + burst).contains(&taken),
                "{per_minute} a minute gave {taken} in {seconds} s"
            );
        }
    }

    #[tokio::test(start_paused = true)]
    async fn idle_time_is_not_saved_up_and_a_new_limit_reaches_who_waits() {
        let pacer = Pacer::new();
        pacer.set(Some(1));
        tokio::time::sleep(Duration::from_mins(10)).await;
        pacer.turn().await;
        assert!(pacer.turn().now_or_never().is_none());
        let start = Instant::now();
        let free = async {
            tokio::time::sleep(Duration::from_secs(5)).await;
            pacer.set(None);
        };
        tokio::join!(pacer.turn(), free);
        assert_eq!(start.elapsed(), Duration::from_secs(5));
    }
}
