//! What a failed call means for the work that needed it.

use super::{Cause, ClientError};
use crate::model::{Class, Failure, Reason};

/// Errors by which a service refuses an invocation as it stands.
const REFUSALS: [&str; 6] = [
    "InsufficientStorage",
    "BlobSizeOutsideOfSupportedRange",
    "HandlerNotFound",
    "HandlerNotFoundError",
    "InvocationCapabilityError",
    "InvalidDelegation",
];
/// Errors by which a service says that a proof does not suffice.
const UNAUTHORIZED: [&str; 3] = ["Unauthorized", "InvalidAudience", "InvalidAudienceError"];

/// A space is given to several customers, or to another one than was thought.
pub const CUSTOMER_CONFLICT: Reason = Reason::new("CUSTOMER_CONFLICT");

/// What both kinds of refusal mean.
const REFUSED: (Class, Reason) = (Class::Permanent, Reason::REFUSED);
/// What both kinds of lacking rights mean.
const UNFIT: (Class, Reason) = (Class::Permanent, Reason::UNAUTHORIZED);

impl From<ClientError> for Failure {
    fn from(error: ClientError) -> Self {
        let (class, reason) = meaning(&error.cause);
        Failure::new(class, reason, error.to_string())
            .from_dependency(error.dependency.name())
            .after(error.cause.retry_after())
    }
}

fn meaning(cause: &Cause) -> (Class, Reason) {
    match cause {
        Cause::Missing => (Class::Permanent, Reason::NOT_FOUND),
        Cause::Condition => (Class::Transient, Reason::STATE_UNAVAILABLE),
        Cause::Credentials(_) => (Class::Fatal, Reason::CREDENTIALS),
        Cause::NoResource(_) | Cause::Setting(_) => (Class::Fatal, Reason::MISCONFIGURED),
        Cause::Unclear { .. } => (Class::Unknown, Reason::SERVICE_ERROR),
        Cause::Refused {
            status: 401 | 403, ..
        } => UNFIT,
        Cause::Refused { .. } => REFUSED,
        Cause::Throttled { .. } => (Class::Transient, Reason::THROTTLED),
        Cause::Timeout => (Class::Transient, Reason::TIMEOUT),
        Cause::Network(_) => (Class::Transient, Reason::UNREACHABLE),
        Cause::Malformed(_) => (Class::Transient, Reason::BAD_ANSWER),
        // It will be as large the next time.
        Cause::TooLarge { .. } => (Class::Unknown, Reason::BAD_ANSWER),
        Cause::Failed { name, .. } if UNAUTHORIZED.contains(&name.as_str()) => UNFIT,
        Cause::Failed { name, .. } if REFUSALS.contains(&name.as_str()) => REFUSED,
        Cause::Unavailable { .. } | Cause::Down(_) | Cause::Failed { .. } => {
            (Class::Transient, Reason::SERVICE_ERROR)
        }
        Cause::Forged(_) => (Class::Permanent, Reason::BAD_ANSWER),
        Cause::Conflict(_) => (Class::Permanent, CUSTOMER_CONFLICT),
        Cause::Address(_) => (Class::Permanent, Reason::BAD_RECORD),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::Dependency;

    #[test]
    fn outages_pass_refusals_stay_and_credentials_end_the_run() {
        let failed = |name: &str| Cause::Failed {
            name: name.to_owned(),
            message: String::new(),
        };
        for (cause, class, reason) in [
            (Cause::Timeout, Class::Transient, Reason::TIMEOUT),
            (
                Cause::Malformed("x".to_owned()),
                Class::Transient,
                Reason::BAD_ANSWER,
            ),
            (
                failed("HandlerExecutionError"),
                Class::Transient,
                Reason::SERVICE_ERROR,
            ),
            (
                failed("Unauthorized"),
                Class::Permanent,
                Reason::UNAUTHORIZED,
            ),
            (
                failed("InsufficientStorage"),
                Class::Permanent,
                Reason::REFUSED,
            ),
            (
                Cause::Credentials("expired".to_owned()),
                Class::Fatal,
                Reason::CREDENTIALS,
            ),
            (
                Cause::TooLarge { limit: 9 },
                Class::Unknown,
                Reason::BAD_ANSWER,
            ),
        ] {
            let failure = Failure::from(cause.at(Dependency::IndexingService, "ask for claims"));
            assert_eq!((failure.class, failure.reason), (class, reason));
            assert_eq!(failure.dependency.as_deref(), Some("indexing-service"));
        }
    }
}
