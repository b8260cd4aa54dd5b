//! Trying again what did not work, while that may help.

use std::time::Duration;

use futures::future::BoxFuture;

use crate::engine::Pace;
use crate::engine::attempts::Attempts;
use crate::model::Failure;
use crate::runtime::ServiceRegistry;

/// How long a service that is down is waited for, for the sake of one item: when only items are left at which it fails
/// for good, it looks down, too.
const DOWN_FOR: Duration = Duration::from_mins(5);

/// How long an audit waits for a service that is down.
pub(super) fn down_for(pace: &Pace) -> Duration {
    DOWN_FOR.min(pace.give_up_after)
}

/// How patient an audit is.
#[derive(Debug, Clone)]
pub(super) struct Patience {
    pace: Pace,
    /// How long a service that is down is waited for.
    down_for: Duration,
    dependencies: ServiceRegistry,
}

impl Patience {
    /// That of an audit: tries while a service is down do not count.
    pub(super) fn new(pace: Pace, dependencies: &ServiceRegistry) -> Self {
        Self {
            down_for: down_for(&pace),
            pace,
            dependencies: dependencies.clone(),
        }
    }

    /// One try.
    pub(super) fn none(dependencies: &ServiceRegistry) -> Self {
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
        let mut attempts = Attempts::default();
        loop {
            let failure = match attempt().await {
                Ok(done) => return Ok(done),
                Err(failure) => failure,
            };
            let Some(wait) = self.wait(&mut attempts, &failure) else {
                return Err(failure);
            };
            tokio::time::sleep(wait).await;
        }
    }

    /// How long to wait before the next try; none when there is none.
    fn wait(&self, attempts: &mut Attempts, failure: &Failure) -> Option<Duration> {
        let service = failure.dependency.as_deref();
        let is_down = service.is_some_and(|service| self.dependencies.is_down(service));
        attempts.failed(&self.pace, failure, |first| {
            is_down && first.elapsed() < self.down_for
        })
    }
}
