//! One outside service, as callers see it: limit, breaker, retry and deadline around each call.

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::retry::{repeat, within};
use super::{Breaker, BreakerConfig, Classify, Instant, Limit, Policy, RetryHint};

/// How calls to a service are made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DependencyConfig {
    /// Calls at once, at most.
    pub most: u32,
    /// Tries, waits and deadline of a call.
    pub policy: Policy,
    /// When work is paused.
    pub breaker: BreakerConfig,
    /// How long a call waits for a service that is down before its tries count against it.
    pub patience: Duration,
}

impl Default for DependencyConfig {
    fn default() -> Self {
        Self {
            most: 64,
            policy: Policy::default(),
            breaker: BreakerConfig::default(),
            patience: Duration::from_mins(5),
        }
    }
}

/// What limits calls to a service, as data for displays.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hold {
    /// The service.
    pub name: String,
    /// Calls allowed at once now; 0 while work is paused.
    pub limit: u32,
    /// Why.
    pub reason: String,
    /// While work is paused: the time until the next try.
    pub retry_in: Option<Duration>,
}

/// One outside service. Clones share its limit and its breaker.
#[derive(Debug, Clone)]
pub struct Dependency {
    name: Arc<str>,
    policy: Policy,
    limit: Limit,
    breaker: Breaker,
    patience: Duration,
}

impl Dependency {
    /// A service without a limit and with a closed breaker.
    pub fn new(name: impl Into<Arc<str>>, config: DependencyConfig) -> Self {
        Self {
            name: name.into(),
            policy: config.policy,
            limit: Limit::new(config.most),
            breaker: Breaker::new(config.breaker),
            patience: config.patience,
        }
    }

    /// Its name in failures, throttles and logs.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The usual tries, waits and deadline.
    #[must_use]
    pub fn policy(&self) -> Policy {
        self.policy
    }

    /// Makes one idempotent call, with the usual policy.
    ///
    /// # Errors
    /// The last error of the call.
    pub async fn call<T, E, F, Call>(&self, call: F) -> Result<T, E>
    where
        E: Classify + std::fmt::Display,
        F: FnMut() -> Call,
        Call: Future<Output = Result<T, E>>,
    {
        self.call_with(&self.policy, call).await
    }

    /// Makes a call with another policy. Use [`Policy::once`] for a call that must not be repeated.
    ///
    /// Each try waits for the breaker and for the limit before its deadline begins to run. While the service is down,
    /// tries do not count for up to [`DependencyConfig::patience`], because the call is not at fault. A call that may
    /// itself be at fault fails instead, so that other calls can find out whether the service is up.
    ///
    /// # Errors
    /// The last error of the call.
    pub async fn call_with<T, E, F, Call>(&self, policy: &Policy, mut call: F) -> Result<T, E>
    where
        E: Classify + std::fmt::Display,
        F: FnMut() -> Call,
        Call: Future<Output = Result<T, E>>,
    {
        let began = Instant::now();
        let last = Mutex::new(None);
        // A call that may itself be at fault does not wait for its turn.
        let gives_way = |error: &Arc<E>| error.may_be_of_the_call() && self.is_down();
        loop {
            let attempt = || {
                let (answer, last) = (call(), &last);
                async move {
                    let before = lock(last).take().filter(gives_way);
                    if let Some(error) = before {
                        return Err(error);
                    }
                    let result = self.once(policy.deadline, answer).await;
                    result.map_err(|error| {
                        let error = Arc::new(error);
                        *lock(last) = Some(Arc::clone(&error));
                        error
                    })
                }
            };
            let error = match repeat(policy, attempt, |error| !gives_way(error)).await {
                Ok(answer) => return Ok(answer),
                Err(error) => error,
            };
            let waits = policy.tries > 1
                && error.hint() != RetryHint::GiveUp
                && !gives_way(&error)
                && self.is_down()
                && began.elapsed() < self.patience;
            lock(&last).take();
            // This is the only reference.
            if let Some(error) = Arc::into_inner(error).filter(|_| !waits) {
                return Err(error);
            }
        }
    }

    /// One try.
    async fn once<T, E>(
        &self,
        deadline: Duration,
        answer: impl Future<Output = Result<T, E>>,
    ) -> Result<T, E>
    where
        E: Classify + std::fmt::Display,
    {
        self.breaker.admit().await;
        let permit = self.limit.permit().await;
        let start = Instant::now();
        let result = within(deadline, answer).await;
        drop(permit);
        self.learn(&result, start.elapsed(), deadline);
        result
    }

    /// What limits calls now; `None` if nothing does.
    #[must_use]
    pub fn hold(&self) -> Option<Hold> {
        let (limit, reason, retry_in) = match self.breaker.open() {
            Some(open) => (
                0,
                format!("down: {}", open.reason),
                Some(open.try_at.saturating_duration_since(Instant::now())),
            ),
            None => (self.limit.now(), self.limit.reason()?, None),
        };
        Some(Hold {
            name: self.name.to_string(),
            limit,
            reason,
            retry_in,
        })
    }

    /// Whether work is paused because it is down.
    #[must_use]
    pub fn is_down(&self) -> bool {
        self.breaker.open().is_some()
    }

    fn learn<T, E>(&self, result: &Result<T, E>, took: Duration, deadline: Duration)
    where
        E: Classify + std::fmt::Display,
    {
        match result {
            Ok(_) => {
                self.breaker.good();
                self.limit.good(took);
            }
            Err(error) => match error.hint() {
                // The service answered, although not with success.
                RetryHint::GiveUp | RetryHint::Unreadable => self.breaker.good(),
                RetryHint::Slower { .. } => {
                    self.breaker.good();
                    self.limit.refused(&error.to_string());
                }
                RetryHint::Down => self.breaker.down(&error.to_string()),
                RetryHint::Retry { .. } => {
                    self.breaker.failed(&error.to_string());
                    if took >= deadline {
                        self.limit.slow(&error.to_string());
                    }
                }
            },
        }
    }
}

fn lock<T>(of: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    of.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The outside services of a process, by name. Clones share them.
#[derive(Debug, Clone, Default)]
pub struct ServiceRegistry {
    all: Arc<Mutex<BTreeMap<Arc<str>, Dependency>>>,
}

impl ServiceRegistry {
    /// An empty registry.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The service with this name. The first call creates it with `config`.
    #[must_use]
    pub fn get(&self, name: &str, config: DependencyConfig) -> Dependency {
        let mut all = self.all.lock().unwrap_or_else(PoisonError::into_inner);
        all.entry(name.into())
            .or_insert_with(|| Dependency::new(name, config))
            .clone()
    }

    /// Whether work with the service of this name is paused because it is down.
    #[must_use]
    pub fn is_down(&self, name: &str) -> bool {
        let all = self.all.lock().unwrap_or_else(PoisonError::into_inner);
        all.get(name).is_some_and(Dependency::is_down)
    }

    /// What limits calls now, for all services.
    #[must_use]
    pub fn holds(&self) -> Vec<Hold> {
        let all = self.all.lock().unwrap_or_else(PoisonError::into_inner);
        all.values().filter_map(Dependency::hold).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_service_that_says_that_it_is_down_is_trusted_at_once() {
        #[derive(Debug, thiserror::Error)]
        #[error("writes are switched off")]
        struct Off;
        impl Classify for Off {
            fn hint(&self) -> RetryHint {
                RetryHint::Down
            }
            fn timed_out(_: Duration) -> Self {
                Self
            }
        }
        let service = Dependency::new("upload", DependencyConfig::default());
        let (start, mut calls) = (Instant::now(), 0_u32);
        let answer = service.call(|| {
            calls += 1;
            let is_off = start.elapsed() < Duration::from_mins(4);
            assert!(calls == 1 || service.is_down());
            async move { if is_off { Err(Off) } else { Ok(()) } }
        });
        // One call waits it out: nobody has to be the eighth.
        answer.await.unwrap();
        assert!(calls < 20, "{calls} calls in four minutes");
        assert!(!service.is_down());
    }

    #[derive(Debug, thiserror::Error)]
    #[error("<html>")]
    struct Page;

    impl Classify for Page {
        fn hint(&self) -> RetryHint {
            RetryHint::Unreadable
        }
        fn timed_out(_: Duration) -> Self {
            Self
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_service_that_nobody_can_read_is_not_waited_for() {
        let service = Dependency::new("index", DependencyConfig::default());
        let (start, mut calls) = (Instant::now(), 0_u32);
        for _ in 0..20 {
            let answer: Result<(), Page> = service
                .call(|| {
                    calls += 1;
                    async { Err(Page) }
                })
                .await;
            assert!(answer.is_err() && service.hold().is_none());
        }
        assert_eq!(calls, 20 * Policy::default().tries);
        assert!(start.elapsed() < Duration::from_secs(30));
    }

    #[derive(Debug, thiserror::Error)]
    enum Answer {
        #[error("no answer")]
        Silent,
        #[error("429")]
        Busy,
    }

    impl Classify for Answer {
        fn hint(&self) -> RetryHint {
            match self {
                Self::Silent => RetryHint::Retry { after: None },
                Self::Busy => RetryHint::Slower { after: None },
            }
        }
        fn timed_out(_: Duration) -> Self {
            Self::Silent
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_service_that_is_down_pauses_its_callers_and_frees_them_when_it_is_back() {
        let service = Dependency::new("index", DependencyConfig::default());
        let start = Instant::now();
        let down_for = Duration::from_mins(10);
        let (mut calls, mut given_up) = (0_u32, 0);
        while start.elapsed() < down_for + Duration::from_mins(1) {
            let answer: Result<(), Answer> = service
                .call(|| {
                    calls += 1;
                    async move {
                        if start.elapsed() < down_for {
                            return Err(Answer::Silent);
                        }
                        Ok(())
                    }
                })
                .await;
            if answer.is_ok() {
                break;
            }
            given_up += 1;
            assert!(calls < 8 || service.hold().is_some_and(|hold| hold.limit == 0));
        }
        assert!(calls < 40, "{calls} calls in ten minutes of outage");
        assert!(given_up <= 6, "{given_up} calls gave up");
        assert_eq!(service.hold(), None);
        assert!(start.elapsed() < down_for + Duration::from_secs(31));
    }

    /// Fails at some calls for good, and serves the others well.
    #[derive(Debug, thiserror::Error)]
    #[error("500")]
    struct Broken;

    impl Classify for Broken {
        fn hint(&self) -> RetryHint {
            RetryHint::Retry { after: None }
        }
        fn timed_out(_: Duration) -> Self {
            Self
        }
        fn may_be_of_the_call(&self) -> bool {
            true
        }
    }

    #[tokio::test(start_paused = true)]
    async fn calls_at_which_a_service_fails_give_way_to_those_that_it_serves() {
        let service = Dependency::new("index", DependencyConfig::default());
        let slots = tokio::sync::Semaphore::new(8);
        let served = std::sync::atomic::AtomicU32::new(0);
        let one = async |number: u32| {
            loop {
                let slot = slots.acquire().await.unwrap();
                let is_broken = number < 12;
                let call = || async move { if is_broken { Err(Broken) } else { Ok(()) } };
                if service.call(call).await.is_ok() {
                    served.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                    return;
                }
                drop(slot);
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
        };
        let all = futures::future::join_all((0..40).map(one));
        let ended = tokio::time::timeout(Duration::from_mins(2), all).await;
        assert!(ended.is_err(), "the broken ones never end");
        assert_eq!(served.into_inner(), 28);
    }

    #[tokio::test(start_paused = true)]
    async fn a_busy_service_gets_fewer_calls_at_once_and_says_why() {
        let all = ServiceRegistry::new();
        let service = all.get("index", DependencyConfig::default());
        let answer: Result<(), Answer> = service.call(|| async { Err(Answer::Busy) }).await;
        assert!(answer.is_err());
        let hold = all.holds().pop().unwrap();
        assert_eq!(hold.name, "index");
        assert!(hold.reason.ends_with("429"), "{}", hold.reason);
        assert!(hold.limit < 64);
    }
}
