//! Why a call to an outside service failed, and what that means.

use std::fmt;
use std::time::Duration;

/// The services whose trouble is told apart: limits, circuit breakers and messages go by these.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Dependency {
    /// The network's tables.
    DynamoDb,
    /// Buckets, R2 included.
    S3,
    /// IPNI publishing queues.
    Sqs,
    /// Public URL of the carpark.
    Carpark,
    /// Upload service.
    UploadService,
    /// Storage node that takes the bytes of a blob.
    StorageNode,
    /// Indexing service.
    IndexingService,
    /// Gateway.
    Gateway,
    /// Legacy claims service.
    ClaimsService,
}

impl Dependency {
    /// Stable name for logs, metrics and JSON.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::DynamoDb => "dynamodb",
            Self::S3 => "s3",
            Self::Sqs => "sqs",
            Self::Carpark => "carpark",
            Self::UploadService => "upload-service",
            Self::StorageNode => "storage-node",
            Self::IndexingService => "indexing-service",
            Self::Gateway => "gateway",
            Self::ClaimsService => "claims-service",
        }
    }
}

impl fmt::Display for Dependency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A call that did not do what it was asked.
#[derive(Debug)]
pub struct ClientError {
    /// Who was called.
    pub dependency: Dependency,
    /// What was asked, a few words that read well after "failed to".
    pub operation: &'static str,
    /// Why it failed.
    pub cause: Cause,
}

impl fmt::Display for ClientError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} ({}): {}",
            self.operation, self.dependency, self.cause
        )
    }
}

impl std::error::Error for ClientError {}

/// Why a call failed. What was read from outside is cut to a few hundred characters.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Cause {
    /// The thing asked for is not there, and the service said so.
    #[error("not found")]
    Missing,
    /// A table, bucket or queue is not there, or cannot be used at all.
    #[error("it does not exist ({0})")]
    NoResource(String),
    /// A conditional write found another state than expected.
    #[error("condition not met")]
    Condition,
    /// Credentials or permissions are absent, have ended, or are refused.
    #[error("credentials: {0}")]
    Credentials(String),
    /// Something around this program is wrong: its clock, the region.
    #[error("{0}")]
    Setting(String),
    /// The request is refused as it stands.
    #[error("refused with status {status}: {message}")]
    Refused {
        /// HTTP status.
        status: u16,
        /// Text of the answer.
        message: String,
    },
    /// Too many requests.
    #[error("throttled")]
    Throttled {
        /// `Retry-After` of the answer.
        retry_after: Option<Duration>,
    },
    /// The service is in trouble.
    #[error("unavailable with status {status}: {message}")]
    Unavailable {
        /// HTTP status.
        status: u16,
        /// Text of the answer.
        message: String,
        /// `Retry-After` of the answer.
        retry_after: Option<Duration>,
    },
    /// An error of which nobody knows whether it passes.
    #[error("unknown error with status {status}: {message}")]
    Unclear {
        /// HTTP status, 0 if there is none.
        status: u16,
        /// Text of the answer.
        message: String,
    },
    /// The service says in a good answer that it takes nothing from anybody for now.
    #[error("switched off: {0}")]
    Down(String),
    /// No answer in time.
    #[error("no answer in time")]
    Timeout,
    /// The connection could not be made or was cut.
    #[error("connection failed: {0}")]
    Network(String),
    /// The answer is larger than it may be.
    #[error("answer is larger than {limit} bytes")]
    TooLarge {
        /// The bound, bytes.
        limit: usize,
    },
    /// The answer is not what the protocol says.
    #[error("unreadable answer: {0}")]
    Malformed(String),
    /// The service ran the invocation and answered with an error.
    #[error("{name}: {message}")]
    Failed {
        /// `name` of the error.
        name: String,
        /// `message` of the error, empty if it has none.
        message: String,
    },
    /// What came is not by whom it should be, or about something else than was asked; in words.
    #[error("{0}")]
    Forged(String),
    /// The other side holds something that contradicts what we have.
    #[error("conflict: {0}")]
    Conflict(String),
    /// An address is not one that content may be fetched from or sent to.
    #[error("address is not expected: {0}")]
    Address(String),
}

impl Cause {
    /// True if the same call may work when it is repeated in a moment.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Throttled { .. }
            | Self::Unavailable { .. }
            | Self::Unclear { .. }
            | Self::Down(_)
            | Self::Timeout
            | Self::Network(_)
            | Self::Malformed(_) => true,
            Self::Missing
            | Self::NoResource(_)
            | Self::Setting(_)
            | Self::TooLarge { .. }
            | Self::Condition
            | Self::Credentials(_)
            | Self::Refused { .. }
            | Self::Failed { .. }
            | Self::Forged(_)
            | Self::Conflict(_)
            | Self::Address(_) => false,
        }
    }

    /// How long the service asked to be left alone.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Throttled { retry_after } | Self::Unavailable { retry_after, .. } => *retry_after,
            _ => None,
        }
    }

    /// Names who was called and for what.
    #[must_use]
    pub fn at(self, dependency: Dependency, operation: &'static str) -> ClientError {
        ClientError {
            dependency,
            operation,
            cause: self,
        }
    }
}

/// Cuts text from outside to what belongs in a message.
pub(crate) fn excerpt(text: &str) -> String {
    const LONGEST: usize = 400;
    let mut out: String = text
        .chars()
        .filter(|c| !c.is_control())
        .take(LONGEST)
        .collect();
    if text.chars().count() > LONGEST {
        out.push('…');
    }
    out
}
