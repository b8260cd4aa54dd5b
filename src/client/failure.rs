//! What a failed call means for the work that needed it.

use super::{Cause, Error};
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

/// What both kinds of refusal mean.
const REFUSED: (Class, Reason) = (Class::Permanent, Reason::Refused);
/// What both kinds of lacking rights mean.
const UNFIT: (Class, Reason) = (Class::Permanent, Reason::Unauthorized);

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let (class, reason) = meaning(&error.cause);
        Failure::new(class, reason, error.to_string())
            .from_dependency(error.dependency.name())
            .after(error.cause.retry_after())
    }
}

fn meaning(cause: &Cause) -> (Class, Reason) {
    match cause {
        Cause::Missing => (Class::Permanent, Reason::NotFound),
        Cause::Condition => (Class::Transient, Reason::StateUnavailable),
        Cause::Credentials(_) => (Class::Fatal, Reason::Credentials),
        Cause::NoResource(_) | Cause::Setting(_) => (Class::Fatal, Reason::Misconfigured),
        Cause::Unclear { .. } => (Class::Unknown, Reason::ServiceError),
        Cause::Refused {
            status: 401 | 403, ..
        } => UNFIT,
        Cause::Refused { .. } => REFUSED,
        Cause::Throttled { .. } => (Class::Transient, Reason::Throttled),
        Cause::Timeout => (Class::Transient, Reason::Timeout),
        Cause::Network(_) => (Class::Transient, Reason::Unreachable),
        Cause::Malformed(_) => (Class::Transient, Reason::BadAnswer),
        // It will be as large the next time.
        Cause::TooLarge { .. } => (Class::Unknown, Reason::BadAnswer),
        Cause::Failed { name, .. } if UNAUTHORIZED.contains(&name.as_str()) => UNFIT,
        Cause::Failed { name, .. } if REFUSALS.contains(&name.as_str()) => REFUSED,
        Cause::Unavailable { .. } | Cause::Down(_) | Cause::Failed { .. } => {
            (Class::Transient, Reason::ServiceError)
        }
        Cause::Forged(_) => (Class::Permanent, Reason::BadAnswer),
        Cause::Conflict(_) => (Class::Permanent, Reason::CustomerConflict),
        Cause::Address(_) => (Class::Permanent, Reason::BadRecord),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::Dependency;

    #[test]
    fn trouble_passes_refusals_stay_and_credentials_end_the_run() {
        let failed = |name: &str| Cause::Failed {
            name: name.to_owned(),
            message: String::new(),
        };
        for (cause, class, reason) in [
            (Cause::Timeout, Class::Transient, Reason::Timeout),
            (
                Cause::Malformed("x".to_owned()),
                Class::Transient,
                Reason::BadAnswer,
            ),
            (
                failed("HandlerExecutionError"),
                Class::Transient,
                Reason::ServiceError,
            ),
            (
                failed("Unauthorized"),
                Class::Permanent,
                Reason::Unauthorized,
            ),
            (
                failed("InsufficientStorage"),
                Class::Permanent,
                Reason::Refused,
            ),
            (
                Cause::Credentials("expired".to_owned()),
                Class::Fatal,
                Reason::Credentials,
            ),
            (
                Cause::TooLarge { limit: 9 },
                Class::Unknown,
                Reason::BadAnswer,
            ),
        ] {
            let failure = Failure::from(cause.at(Dependency::IndexingService, "ask for claims"));
            assert_eq!((failure.class, failure.reason), (class, reason));
            assert_eq!(failure.dependency.as_deref(), Some("indexing-service"));
        }
    }
}
