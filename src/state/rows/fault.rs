//! Errors of requests to the store of rows.

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
    /// What kind of error.
    pub kind: ErrorKind,
    /// Code and message of the service.
    pub detail: String,
    /// How long the service asked to wait.
    pub retry_after: Option<Duration>,
}

/// Kinds of errors of the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ErrorKind {
    /// The table or the index does not exist.
    #[error("it does not exist (run `sterna init`, or set its name)")]
    Missing,
    /// There are no credentials.
    #[error(
        "no AWS credentials found (log in, set AWS_PROFILE or AWS_ACCESS_KEY_ID, or give the instance a role)"
    )]
    NoCredentials,
    /// Credentials have expired.
    #[error("the AWS credentials have expired (log in again, or renew them)")]
    Expired,
    /// Credentials are refused.
    #[error(
        "credentials were refused (check the AWS profile, role and region, and the policy of `sterna init --print`)"
    )]
    Denied,
    /// Signatures are refused because of their time.
    #[error("the clock of this machine is wrong (set it, by NTP for instance)")]
    Clock,
    /// The table is in another region or behind another endpoint.
    #[error(
        "it is in another region or behind another endpoint (check AWS_REGION and AWS_ENDPOINT_URL_DYNAMODB)"
    )]
    Region,
    /// Too many requests.
    #[error("throttled")]
    Throttled,
    /// The store was not reached, so nothing happened.
    #[error("not reachable (check the network and the endpoint)")]
    Unreachable,
    /// The request was sent, but no whole answer came: a write may have happened.
    #[error("no answer")]
    Unanswered,
    /// The service failed.
    #[error("the service failed")]
    Broken,
    /// The service refuses the request for good.
    #[error("request refused")]
    Invalid,
    /// An unknown error.
    #[error("unknown error")]
    Unclear,
    /// A row is malformed.
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
    /// Whether a retry may succeed.
    #[must_use]
    pub fn passes(self) -> bool {
        matches!(
            self,
            Self::Throttled | Self::Unreachable | Self::Unanswered | Self::Broken | Self::Unclear
        )
    }

    /// Whether credentials are missing, expired or refused.
    #[must_use]
    pub fn is_about_credentials(self) -> bool {
        matches!(self, Self::NoCredentials | Self::Expired | Self::Denied)
    }

    /// The class of a failure after all retries. An unanswered write is `Unknown`: it may have happened.
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
            // A missing row and a failed condition are not errors.
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
    /// The error with a table, if it has none yet.
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

    /// An answer without the expected part; a write may have happened.
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
