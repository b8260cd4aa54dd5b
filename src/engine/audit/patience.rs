//! Trying again what did not work, while that may help.

use std::time::Duration;

use futures::future::BoxFuture;

use crate::engine::Pace;
use crate::model::{Class, Failure};
use crate::runtime::{Dependencies, Moment, full_jitter};

/// How long a service that is down is waited for, for the sake of one item: when only items are left at which it fails
/// for good, it looks down, too.
const DOWN_FOR: Duration = Duration::from_mins(5);

/// How patient an audit is.
#[derive(Debug, Clone)]
pub(super) struct Patience {
    pace: Pace,
    /// How long a service that is down is waited for.
    down_for: Duration,
    dependencies: Dependencies,
}

impl Patience {
    /// That of an audit: tries while a service is down do not count.
    pub(super) fn new(pace: Pace, dependencies: &Dependencies) -> Self {
        Self {
            down_for: DOWN_FOR.min(pace.give_up_after),
            pace,
            dependencies: dependencies.clone(),
        }
    }

    /// One try.
    pub(super) fn none(dependencies: &Dependencies) -> Self {
        let pace = Pace {
            attempts: 1,
            ..Pace::default()
        };
        Self {
            pace,
            down_for: Duration::ZERO,
            dependencies: dependencies.clone(),
        }
    }

    /// Tries until it works or cannot be helped.
    pub(super) async fn with<'a, T>(
        &self,
        mut attempt: impl FnMut() -> BoxFuture<'a, Result<T, Failure>> + Send,
    ) -> Result<T, Failure> {
        let mut tries = Tries::default();
        loop {
            let failure = match attempt().await {
                Ok(done) => return Ok(done),
                Err(failure) => failure,
            };
            let Some(wait) = self.wait(&mut tries, &failure) else {
                return Err(failure);
            };
            tokio::time::sleep(wait).await;
        }
    }

    /// How long to wait before the next try; none when there is none.
    pub(super) fn wait(&self, tries: &mut Tries, failure: &Failure) -> Option<Duration> {
        if matches!(failure.class, Class::Permanent | Class::Fatal) {
            return None;
        }
        let began = *tries.began.get_or_insert_with(Moment::now);
        let service = failure.dependency.as_deref();
        let is_down = service.is_some_and(|service| self.dependencies.is_down(service));
        if !(is_down && began.elapsed() < self.down_for) {
            tries.counted += 1;
            if tries.counted >= self.pace.attempts {
                return None;
            }
        }
        let doublings = tries.counted.saturating_sub(1);
        let grown = self.pace.attempt_wait * 2_u32.saturating_pow(doublings);
        let wait = full_jitter(grown.min(self.pace.longest_attempt_wait));
        Some(wait.max(failure.retry_after.unwrap_or_default()))
    }
}

/// Tries of one thing that failed.
#[derive(Debug, Default)]
pub(super) struct Tries {
    counted: u32,
    began: Option<Moment>,
}

impl Tries {
    /// It works again.
    pub(super) fn reset(&mut self) {
        *self = Self::default();
    }
}
