//! The first of the two retry tiers: one idempotent call.

use std::future::Future;
use std::time::Duration;

use backon::Retryable;

/// What an error says about trying again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RetryHint {
    /// The error may be transient. The service may have said how long to wait.
    Retry {
        /// The wait the service asked for.
        after: Option<Duration>,
    },
    /// As `Retry`, and the service asked for less traffic.
    Slower {
        /// The wait the service asked for.
        after: Option<Duration>,
    },
    /// As `Retry`, and the service says that it takes no calls for now.
    Down,
    /// As `Retry`, but the service is up: its answer cannot be read. Waiting for it would never end.
    Unreadable,
    /// Trying again cannot help.
    GiveUp,
}

impl RetryHint {
    /// The wait the service asked for.
    #[must_use]
    pub fn after(self) -> Option<Duration> {
        match self {
            Self::Retry { after } | Self::Slower { after } => after,
            Self::Down | Self::Unreadable | Self::GiveUp => None,
        }
    }
}

/// Errors that say whether to try again.
pub trait Classify {
    /// What this error says about trying again.
    fn hint(&self) -> RetryHint;

    /// The error of a try without an answer within its deadline.
    fn timed_out(deadline: Duration) -> Self;

    /// Whether the service may fail for this call only and serve others well.
    fn may_be_of_the_call(&self) -> bool {
        false
    }
}

impl<E: Classify> Classify for std::sync::Arc<E> {
    fn hint(&self) -> RetryHint {
        self.as_ref().hint()
    }

    fn timed_out(deadline: Duration) -> Self {
        Self::new(E::timed_out(deadline))
    }

    fn may_be_of_the_call(&self) -> bool {
        self.as_ref().may_be_of_the_call()
    }
}

/// How often and how long one call is tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Policy {
    /// Tries, the first included; at least one is made.
    pub tries: u32,
    /// The deadline of each try.
    pub deadline: Duration,
    /// The longest first wait; it doubles with every try. Waits are drawn evenly from zero up.
    pub first_wait: Duration,
    /// No wait is longer, except one that the service asked for.
    pub longest_wait: Duration,
    /// If the service asks for a longer wait than this, the call fails and its caller waits.
    pub longest_asked: Duration,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            tries: 3,
            deadline: Duration::from_secs(30),
            first_wait: Duration::from_millis(400),
            longest_wait: Duration::from_secs(20),
            longest_asked: Duration::from_mins(1),
        }
    }
}

impl Policy {
    /// The same policy with another deadline for each try.
    #[must_use]
    pub fn within(mut self, deadline: Duration) -> Self {
        self.deadline = deadline;
        self
    }

    /// The same policy with one try only, for calls that must not be repeated.
    #[must_use]
    pub fn once(mut self) -> Self {
        self.tries = 1;
        self
    }

    /// The waits between the tries, with full jitter.
    fn waits(self) -> impl Iterator<Item = Duration> + Send + Sync + Unpin {
        let backoff = Backoff {
            first: self.first_wait,
            longest: self.longest_wait,
        };
        (1..self.tries.max(1)).map(move |failed| backoff.wait(failed, None))
    }
}

/// How long to wait between attempts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Backoff {
    /// The longest wait after the first failure; it doubles with every other one.
    pub first: Duration,
    /// No wait is longer, except one that was asked for.
    pub longest: Duration,
}

impl Backoff {
    /// The wait after `failed` attempts, drawn with full jitter. It is at least what the service `asked` for.
    #[must_use]
    pub fn wait(&self, failed: u32, asked: Option<Duration>) -> Duration {
        let doubled = 2_u32.saturating_pow(failed.saturating_sub(1));
        let grown = self.first.saturating_mul(doubled).min(self.longest);
        full_jitter(grown).max(asked.unwrap_or_default())
    }
}

/// A wait drawn evenly from zero to `longest`.
#[must_use]
pub fn full_jitter(longest: Duration) -> Duration {
    // Without randomness the longest wait is still valid.
    longest.mul_f64(f64::from(draw().unwrap_or(u32::MAX)) / f64::from(u32::MAX))
}

fn draw() -> Option<u32> {
    #[cfg(test)]
    if let Some(drawn) = super::simulated::draw() {
        return Some(drawn);
    }
    let mut bytes = [0_u8; 4];
    getrandom::fill(&mut bytes).ok()?;
    Some(u32::from_le_bytes(bytes))
}

/// Makes one idempotent call until it succeeds, its error says that trying again cannot help, or
/// the tries are used up. Every try has its own deadline. Returns the last error.
///
/// # Errors
/// The last error of the call.
pub async fn retry<T, E, F, Call>(policy: &Policy, mut call: F) -> Result<T, E>
where
    E: Classify,
    F: FnMut() -> Call,
    Call: Future<Output = Result<T, E>>,
{
    let deadline = policy.deadline;
    repeat(policy, || within(deadline, call()), |_| true).await
}

/// One try with its deadline.
pub(super) async fn within<T, E: Classify>(
    deadline: Duration,
    call: impl Future<Output = Result<T, E>>,
) -> Result<T, E> {
    tokio::time::timeout(deadline, call)
        .await
        .unwrap_or_else(|_| Err(E::timed_out(deadline)))
}

/// Tries and waits, without a deadline, while an error is `worth` another try.
pub(super) async fn repeat<T, E, F, Call>(
    policy: &Policy,
    attempt: F,
    worth: impl Fn(&E) -> bool,
) -> Result<T, E>
where
    E: Classify,
    F: FnMut() -> Call,
    Call: Future<Output = Result<T, E>>,
{
    attempt
        .retry(policy.waits())
        .sleep(tokio::time::sleep)
        .when(|error: &E| worth_it(error.hint(), policy) && worth(error))
        .adjust(|error: &E, wait| wait.map(|wait| error.hint().after().unwrap_or(wait)))
        .await
}

fn worth_it(hint: RetryHint, policy: &Policy) -> bool {
    match hint {
        RetryHint::GiveUp => false,
        RetryHint::Down | RetryHint::Unreadable => true,
        RetryHint::Retry { after } | RetryHint::Slower { after } => {
            after.is_none_or(|wait| wait <= policy.longest_asked)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::time::Instant;

    #[derive(Debug, PartialEq)]
    struct Said(RetryHint, &'static str);

    impl Classify for Said {
        fn hint(&self) -> RetryHint {
            self.0
        }
        fn timed_out(_: Duration) -> Self {
            Self(RetryHint::Retry { after: None }, "no answer")
        }
    }

    const AGAIN: RetryHint = RetryHint::Retry { after: None };

    async fn tries(
        policy: Policy,
        answers: Vec<Result<u32, Said>>,
    ) -> (Result<u32, Said>, usize, Duration) {
        let all = answers.len();
        let mut answers = answers.into_iter();
        let start = Instant::now();
        let result = retry(&policy, || {
            let answer = answers.next().unwrap();
            async move { answer }
        })
        .await;
        (result, all - answers.len(), start.elapsed())
    }

    #[tokio::test(start_paused = true)]
    async fn a_passing_error_passes() {
        let (result, used, waited) = tries(
            Policy::default(),
            vec![Err(Said(AGAIN, "a")), Err(Said(AGAIN, "b")), Ok(7)],
        )
        .await;
        assert_eq!((result, used), (Ok(7), 3));
        assert!(waited <= Duration::from_millis(1_210), "{waited:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_lasting_error_ends_after_the_tries_with_the_last_error() {
        let answers = vec![
            Err(Said(AGAIN, "a")),
            Err(Said(AGAIN, "b")),
            Err(Said(AGAIN, "c")),
        ];
        let (result, used, _) = tries(Policy::default(), answers).await;
        assert_eq!((result, used), (Err(Said(AGAIN, "c")), 3));
    }

    #[tokio::test(start_paused = true)]
    async fn a_refusal_is_not_asked_twice() {
        let answers = vec![Err(Said(RetryHint::GiveUp, "no")), Ok(1)];
        let (result, used, waited) = tries(Policy::default(), answers).await;
        assert_eq!((result, used), (Err(Said(RetryHint::GiveUp, "no")), 1));
        assert_eq!(waited, Duration::ZERO);
    }

    #[tokio::test(start_paused = true)]
    async fn the_wait_that_was_asked_for_is_kept_to_the_second() {
        let slower = RetryHint::Slower {
            after: Some(Duration::from_secs(7)),
        };
        let (result, used, waited) =
            tries(Policy::default(), vec![Err(Said(slower, "busy")), Ok(1)]).await;
        assert_eq!((result, used), (Ok(1), 2));
        assert!(waited >= Duration::from_secs(7) && waited < Duration::from_secs(8));
    }

    #[tokio::test(start_paused = true)]
    async fn a_wait_beyond_patience_is_left_to_the_caller() {
        let slower = RetryHint::Slower {
            after: Some(Duration::from_hours(1)),
        };
        let (result, used, _) =
            tries(Policy::default(), vec![Err(Said(slower, "busy")), Ok(1)]).await;
        assert_eq!((result, used), (Err(Said(slower, "busy")), 1));
    }

    #[tokio::test(start_paused = true)]
    async fn who_never_answers_meets_the_deadline_of_each_try() {
        let policy = Policy::default().within(Duration::from_secs(5));
        let start = Instant::now();
        let result: Result<(), Said> = retry(&policy, std::future::pending).await;
        assert_eq!(result, Err(Said(AGAIN, "no answer")));
        let took = start.elapsed();
        assert!(
            took >= Duration::from_secs(15) && took < Duration::from_secs(17),
            "{took:?}"
        );
    }
}
