//! What can go wrong with a request, and what follows from it.

use std::error::Error as StdError;
use std::time::Duration;

use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::DispatchFailure;

use crate::model::Class;
use crate::runtime::{Advice, Classify, causes};

/// A request to a table that failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{doing} table {table}: {trouble}{}", if detail.is_empty() { String::new() } else { format!(": {detail}") })]
pub struct Error {
    /// What was being done: `read`, `write`, ….
    pub doing: &'static str,
    /// Name of the table.
    pub table: String,
    /// Kind of trouble.
    pub trouble: Trouble,
    /// Code and message of the service.
    pub detail: String,
    /// How long the service asked to wait.
    pub retry_after: Option<Duration>,
}

/// Kinds of trouble with the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Trouble {
    /// The table or the index is not there.
    #[error("it does not exist (run `sterna init`, or set its name)")]
    Missing,
    /// Credentials are absent, expired or refused.
    #[error(
        "credentials were refused (check the AWS profile, role and region, and the policy of `sterna init --print`)"
    )]
    Denied,
    /// Too many requests.
    #[error("throttled")]
    Throttled,
    /// Nobody was reached: nothing happened.
    #[error("not reached (check the network and the endpoint)")]
    Unreachable,
    /// Sent, but no whole answer came: a write may have happened.
    #[error("no answer")]
    Unanswered,
    /// The service failed.
    #[error("the service failed")]
    Broken,
    /// The request is one that the service will never take.
    #[error("request refused")]
    Invalid,
    /// A row does not have the shape it must have.
    #[error("row not understood")]
    Shape,
}

impl Error {
    /// Whether the table, or the index of it, does not exist.
    #[must_use]
    pub fn is_missing(&self) -> bool {
        self.trouble == Trouble::Missing
    }
}

impl Trouble {
    /// Whether the same request may do better a moment later.
    #[must_use]
    pub fn passes(self) -> bool {
        matches!(
            self,
            Self::Throttled | Self::Unreachable | Self::Unanswered | Self::Broken
        )
    }

    /// Class of a failure that outlasted its retries. Conditional writes are judged by reading again, so an
    /// unanswered one is `Unknown`.
    #[must_use]
    pub fn class(self) -> Class {
        match self {
            Self::Missing | Self::Denied => Class::Fatal,
            Self::Throttled | Self::Unreachable => Class::Transient,
            Self::Unanswered | Self::Broken => Class::Unknown,
            Self::Invalid | Self::Shape => Class::Permanent,
        }
    }
}

/// Codes of the service that mean "too many requests".
const THROTTLED: [&str; 6] = [
    "ProvisionedThroughputExceededException",
    "ThrottlingException",
    "RequestLimitExceeded",
    "LimitExceededException",
    "TransactionConflictException",
    "TransactionInProgressException",
];

/// Codes of the service that mean "not you".
const DENIED: [&str; 9] = [
    "AccessDeniedException",
    "AccessDenied",
    "ExpiredTokenException",
    "ExpiredToken",
    "IncompleteSignatureException",
    "InvalidSignatureException",
    "MissingAuthenticationTokenException",
    "UnrecognizedClientException",
    "InvalidClientTokenId",
];

impl Trouble {
    /// What an error of the SDK means.
    pub(super) fn of<E: ProvideErrorMetadata>(error: &SdkError<E, HttpResponse>) -> Self {
        match error {
            SdkError::ConstructionFailure(_) => Self::Denied,
            SdkError::TimeoutError(_) | SdkError::ResponseError(_) => Self::Unanswered,
            SdkError::DispatchFailure(failure) if failure.is_timeout() => Self::Unanswered,
            SdkError::DispatchFailure(failure) if failure.is_user() => Self::Denied,
            SdkError::DispatchFailure(failure) if failure.is_io() => Self::of_io(failure),
            SdkError::DispatchFailure(failure) => Self::of_other(failure),
            SdkError::ServiceError(error) => {
                Self::of_code(error.err().code(), error.raw().status().as_u16())
            }
            _ => Self::Broken,
        }
    }

    /// A connection that broke may have carried the request; one that was never made did not.
    fn of_io(failure: &DispatchFailure) -> Self {
        if connector(failure).contains("connect") {
            Self::Unreachable
        } else {
            Self::Unanswered
        }
    }

    fn of_other(failure: &DispatchFailure) -> Self {
        let text = connector(failure);
        if text.contains("credential") {
            Self::Denied
        } else {
            Self::Unanswered
        }
    }

    fn of_code(code: Option<&str>, status: u16) -> Self {
        match code {
            Some("ResourceNotFoundException") => Self::Missing,
            Some(code) if THROTTLED.contains(&code) => Self::Throttled,
            Some(code) if DENIED.contains(&code) => Self::Denied,
            _ if status == 429 => Self::Throttled,
            _ if status == 401 || status == 403 => Self::Denied,
            _ if !(300..500).contains(&status) => Self::Broken,
            _ => Self::Invalid,
        }
    }
}

impl Classify for Error {
    fn advice(&self) -> Advice {
        match self.trouble {
            Trouble::Throttled => Advice::Slower {
                after: self.retry_after,
            },
            trouble if trouble.passes() => Advice::Retry {
                after: self.retry_after,
            },
            _ => Advice::GiveUp,
        }
    }

    fn timed_out(deadline: Duration) -> Self {
        Self {
            doing: "reach",
            table: String::new(),
            trouble: Trouble::Unanswered,
            detail: format!("within {} ms", deadline.as_millis()),
            retry_after: None,
        }
    }
}

impl Error {
    /// The error, laid to a table if it names none yet.
    pub(super) fn at(mut self, table: &str) -> Self {
        if self.table.is_empty() {
            table.clone_into(&mut self.table);
        }
        self
    }

    /// An error of the SDK while `doing` something with `table`.
    pub(in crate::state) fn of<E>(
        doing: &'static str,
        table: &str,
        error: &SdkError<E, HttpResponse>,
    ) -> Self
    where
        E: ProvideErrorMetadata + StdError + 'static,
    {
        let detail = match error {
            SdkError::ServiceError(error) => {
                let words = [error.err().code(), error.err().message()];
                words.into_iter().flatten().collect::<Vec<_>>().join(": ")
            }
            other => causes(other),
        };
        let seconds = error
            .raw_response()
            .and_then(|raw| raw.headers().get("retry-after")?.parse().ok());
        Self {
            doing,
            table: table.to_owned(),
            trouble: Trouble::of(error),
            detail,
            retry_after: seconds.map(Duration::from_secs),
        }
    }

    /// An answer that says nothing of what was asked; a write may have happened.
    pub(in crate::state) fn untold(doing: &'static str, table: &str) -> Self {
        Self {
            doing,
            table: table.to_owned(),
            trouble: Trouble::Broken,
            detail: "the answer is none of DynamoDB's".to_owned(),
            retry_after: None,
        }
    }

    /// A row that cannot be read.
    #[must_use]
    pub fn shape(table: &str, detail: impl Into<String>) -> Self {
        Self {
            doing: "read",
            table: table.to_owned(),
            trouble: Trouble::Shape,
            detail: detail.into(),
            retry_after: None,
        }
    }
}

/// What the connector says, if it says anything.
fn connector(failure: &DispatchFailure) -> String {
    let error = failure.as_connector_error();
    error.map(|error| causes(error)).unwrap_or_default()
}
