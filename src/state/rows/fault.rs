//! What can go wrong with a request, and what follows from it.

use std::error::Error as StdError;
use std::time::Duration;

use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;

use crate::aws::{Fault, Kind, Lack, Setting};
use crate::model::Class;
use crate::runtime::{Classify, RetryHint};

/// A request to a table that failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{doing} table {table}: {kind}{}", if detail.is_empty() { String::new() } else { format!(": {detail}") })]
pub struct RowsError {
    /// What was being done: `read`, `write`, ….
    pub doing: &'static str,
    /// Name of the table.
    pub table: String,
    /// Kind of trouble.
    pub kind: ErrorKind,
    /// Code and message of the service.
    pub detail: String,
    /// How long the service asked to wait.
    pub retry_after: Option<Duration>,
}

/// Kinds of trouble with the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ErrorKind {
    /// The table or the index is not there.
    #[error("it does not exist (run `sterna init`, or set its name)")]
    Missing,
    /// There are no credentials.
    #[error(
        "no AWS credentials found (log in, set AWS_PROFILE or AWS_ACCESS_KEY_ID, or give the instance a role)"
    )]
    NoCredentials,
    /// Credentials have ended.
    #[error("the AWS credentials have expired (log in again, or renew them)")]
    Expired,
    /// Credentials are refused.
    #[error(
        "credentials were refused (check the AWS profile, role and region, and the policy of `sterna init --print`)"
    )]
    Denied,
    /// Signatures are refused for their time.
    #[error("the clock of this machine is wrong (set it, by NTP for instance)")]
    Clock,
    /// It is somewhere else.
    #[error(
        "it is in another region or behind another endpoint (check AWS_REGION and AWS_ENDPOINT_URL_DYNAMODB)"
    )]
    Region,
    /// Too many requests.
    #[error("throttled")]
    Throttled,
    /// Nobody was reached: nothing happened.
    #[error("not reachable (check the network and the endpoint)")]
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
    /// An error of which nobody knows whether it passes.
    #[error("unknown error")]
    Unclear,
    /// A row does not have the shape it must have.
    #[error("row not understood")]
    Shape,
}

impl RowsError {
    /// Whether the table, or the index of it, does not exist.
    #[must_use]
    pub fn is_missing(&self) -> bool {
        self.kind == ErrorKind::Missing
    }
}

impl ErrorKind {
    /// Whether the same request may do better a moment later.
    #[must_use]
    pub fn passes(self) -> bool {
        matches!(
            self,
            Self::Throttled | Self::Unreachable | Self::Unanswered | Self::Broken | Self::Unclear
        )
    }

    /// Whether credentials are absent, have ended or are refused.
    #[must_use]
    pub fn is_about_credentials(self) -> bool {
        matches!(self, Self::NoCredentials | Self::Expired | Self::Denied)
    }

    /// Class of a failure that outlasted its retries. Conditional writes are judged by reading again, so an
    /// unanswered one is `Unknown`.
    #[must_use]
    pub fn class(self) -> Class {
        match self {
            Self::Missing | Self::Clock | Self::Region => Class::Fatal,
            kind if kind.is_about_credentials() => Class::Fatal,
            Self::Throttled | Self::Unreachable => Class::Transient,
            Self::Invalid | Self::Shape => Class::Permanent,
            _ => Class::Unknown,
        }
    }
}

impl From<Kind> for ErrorKind {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::NoResource => Self::Missing,
            Kind::Credentials(Lack::Absent) => Self::NoCredentials,
            Kind::Credentials(Lack::Expired) => Self::Expired,
            Kind::Credentials(Lack::Refused) => Self::Denied,
            Kind::Setting(Setting::Clock) => Self::Clock,
            Kind::Setting(Setting::Region) => Self::Region,
            Kind::Throttled => Self::Throttled,
            Kind::Unreachable => Self::Unreachable,
            Kind::Late | Kind::Unanswered => Self::Unanswered,
            Kind::Passing => Self::Broken,
            Kind::Refused => Self::Invalid,
            // Reading a row that is not there and a condition that does not hold are no errors.
            Kind::Absent | Kind::Condition | Kind::Unclear => Self::Unclear,
        }
    }
}

impl Classify for RowsError {
    fn hint(&self) -> RetryHint {
        match self.kind {
            ErrorKind::Throttled => RetryHint::Slower {
                after: self.retry_after,
            },
            kind if kind.passes() => RetryHint::Retry {
                after: self.retry_after,
            },
            _ => RetryHint::GiveUp,
        }
    }

    fn timed_out(deadline: Duration) -> Self {
        Self {
            doing: "reach",
            table: String::new(),
            kind: ErrorKind::Unanswered,
            detail: format!("within {} ms", deadline.as_millis()),
            retry_after: None,
        }
    }
}

impl RowsError {
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
        let fault = Fault::of(error);
        Self {
            doing,
            table: table.to_owned(),
            kind: fault.kind.into(),
            detail: fault.text,
            retry_after: fault.retry_after,
        }
    }

    /// An answer that says nothing of what was asked; a write may have happened.
    pub(in crate::state) fn incomplete(doing: &'static str, table: &str) -> Self {
        Self {
            doing,
            table: table.to_owned(),
            kind: ErrorKind::Broken,
            detail: "the answer is not one of DynamoDB's".to_owned(),
            retry_after: None,
        }
    }

    /// A row that cannot be read.
    #[must_use]
    pub fn shape(table: &str, detail: impl Into<String>) -> Self {
        Self {
            doing: "read",
            table: table.to_owned(),
            kind: ErrorKind::Shape,
            detail: detail.into(),
            retry_after: None,
        }
    }
}
