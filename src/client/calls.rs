//! Every call goes through the runtime's treatment of its dependency: limit, breaker, retry, deadline.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;

use super::{Cause, ClientError, Dependency, Limits};
use crate::runtime::{Classify, DependencyConfig, Policy, RetryHint, ServiceRegistry};

impl Classify for Cause {
    fn hint(&self) -> RetryHint {
        let after = self.retry_after();
        match self {
            Self::Throttled { .. } => RetryHint::Slower { after },
            Self::Down(_) => RetryHint::Down,
            Self::Malformed(_) => RetryHint::Unreadable,
            _ if self.is_transient() => RetryHint::Retry { after },
            _ => RetryHint::GiveUp,
        }
    }

    fn timed_out(_: Duration) -> Self {
        Self::Timeout
    }

    /// "Internal error" is what services say where they stumble over what they were asked about, too.
    fn may_be_of_the_call(&self) -> bool {
        matches!(self, Self::Unavailable { status: 500, .. })
    }
}

/// How calls are made; cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Calls {
    limits: Arc<Limits>,
    dependencies: ServiceRegistry,
    /// Whether a service that is down is waited for.
    patient: bool,
}

impl Calls {
    pub(crate) fn new(limits: &Limits, dependencies: ServiceRegistry) -> Self {
        Self {
            limits: Arc::new(limits.clone()),
            dependencies,
            patient: true,
        }
    }

    /// Calls that are tried once and wait for nothing, to learn how a service is now. Nobody else hears of what comes
    /// of them.
    pub(crate) fn once(&self) -> Self {
        let limits = Limits {
            tries: 1,
            ..Limits::clone(&self.limits)
        };
        Self {
            patient: false,
            ..Self::new(&limits, ServiceRegistry::new())
        }
    }

    /// The bounds in force.
    pub(crate) fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Makes an idempotent call: bounded in number, with a deadline for each try, retried while the cause may pass.
    pub(crate) async fn run<T, A, F>(
        &self,
        dependency: Dependency,
        what: &'static str,
        attempt: A,
    ) -> Result<T, ClientError>
    where
        A: Fn() -> F + Send + Sync,
        F: Future<Output = Result<T, Cause>> + Send,
    {
        self.run_within(self.limits.call, dependency, what, attempt)
            .await
    }

    /// As [`Calls::run`], with a deadline of its own for each try.
    pub(crate) async fn run_within<T, A, F>(
        &self,
        deadline: Duration,
        dependency: Dependency,
        what: &'static str,
        attempt: A,
    ) -> Result<T, ClientError>
    where
        A: Fn() -> F + Send + Sync,
        F: Future<Output = Result<T, Cause>> + Send,
    {
        let service = self.dependencies.get(dependency.name(), self.config());
        let policy = service.policy().within(deadline);
        // Boxed, since the SDK's futures are so deep that those around them could not be laid out.
        let attempt = || -> BoxFuture<'_, Result<T, Cause>> { Box::pin(attempt()) };
        service
            .call_with(&policy, attempt)
            .await
            .map_err(|cause| cause.at(dependency, what))
    }

    fn config(&self) -> DependencyConfig {
        let tries = u32::try_from(self.limits.tries).unwrap_or(u32::MAX);
        let policy = Policy {
            tries,
            deadline: self.limits.call,
            first_wait: self.limits.pause,
            ..Policy::default()
        };
        let most = u32::try_from(self.limits.in_flight).unwrap_or(u32::MAX);
        let mut config = DependencyConfig {
            most,
            policy,
            ..DependencyConfig::default()
        };
        if !self.patient {
            config.patience = Duration::ZERO;
        }
        config
    }
}
