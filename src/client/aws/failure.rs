//! What an error of AWS means for a call.

use std::error::Error;

use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;

use crate::aws::{Fault, Kind, Lack, Setting};
use crate::client::Cause;
use crate::client::error::excerpt;

/// The cause of an SDK error.
#[expect(clippy::needless_pass_by_value, reason = "it is handed to `map_err`")]
pub(crate) fn cause<E>(error: SdkError<E, HttpResponse>) -> Cause
where
    E: ProvideErrorMetadata + Error + 'static,
{
    Fault::of(&error).into()
}

impl From<Fault> for Cause {
    fn from(fault: Fault) -> Self {
        let Fault {
            kind,
            status,
            text,
            retry_after,
        } = fault;
        let text = excerpt(&text);
        let status = status.unwrap_or_default();
        match kind {
            Kind::Absent => Self::Missing,
            Kind::NoResource => Self::NoResource(text),
            Kind::Condition => Self::Condition,
            Kind::Throttled => Self::Throttled { retry_after },
            Kind::Passing => Self::Unavailable {
                status,
                message: text,
                retry_after,
            },
            Kind::Late => Self::Timeout,
            Kind::Unanswered if status != 0 => Self::Malformed(text),
            Kind::Unanswered | Kind::Unreachable => Self::Network(text),
            Kind::Credentials(lack) => Self::Credentials(match lack {
                Lack::Absent => format!("no AWS credentials found ({text})"),
                Lack::Expired => format!("they have ended ({text})"),
                Lack::Refused => format!("refused ({text})"),
            }),
            Kind::Setting(Setting::Clock) => {
                Self::Setting(format!("the clock of this machine is wrong ({text})"))
            }
            Kind::Setting(Setting::Region) => {
                Self::Setting(format!("the region or the endpoint is another ({text})"))
            }
            Kind::Refused => Self::Refused {
                status,
                message: text,
            },
            Kind::Unclear => Self::Unclear {
                status,
                message: text,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Class, Failure, Reason};

    fn meaning(kind: Kind) -> (Class, Reason, bool) {
        let fault = Fault {
            kind,
            status: Some(400),
            text: "words".to_owned(),
            retry_after: None,
        };
        let cause = Cause::from(fault);
        let again = cause.is_transient();
        let failure = Failure::from(cause.at(crate::client::Dependency::S3, "look"));
        (failure.class, failure.reason, again)
    }

    /// An item is blamed only for what a service says of it by name; what stops everything is fatal; what nobody knows is
    /// tried again and then unknown.
    #[test]
    fn only_what_is_said_of_the_item_is_permanent() {
        for (kind, class, reason, again) in [
            (Kind::Absent, Class::Permanent, Reason::NOT_FOUND, false),
            (Kind::Refused, Class::Permanent, Reason::REFUSED, false),
            (Kind::NoResource, Class::Fatal, Reason::MISCONFIGURED, false),
            (
                Kind::Setting(Setting::Clock),
                Class::Fatal,
                Reason::MISCONFIGURED,
                false,
            ),
            (
                Kind::Setting(Setting::Region),
                Class::Fatal,
                Reason::MISCONFIGURED,
                false,
            ),
            (
                Kind::Credentials(Lack::Absent),
                Class::Fatal,
                Reason::CREDENTIALS,
                false,
            ),
            (
                Kind::Credentials(Lack::Expired),
                Class::Fatal,
                Reason::CREDENTIALS,
                false,
            ),
            (
                Kind::Credentials(Lack::Refused),
                Class::Fatal,
                Reason::CREDENTIALS,
                false,
            ),
            (Kind::Throttled, Class::Transient, Reason::THROTTLED, true),
            (Kind::Passing, Class::Transient, Reason::SERVICE_ERROR, true),
            (Kind::Late, Class::Transient, Reason::TIMEOUT, true),
            (Kind::Unanswered, Class::Transient, Reason::BAD_ANSWER, true),
            (
                Kind::Unreachable,
                Class::Transient,
                Reason::UNREACHABLE,
                true,
            ),
            (Kind::Unclear, Class::Unknown, Reason::SERVICE_ERROR, true),
        ] {
            assert_eq!(meaning(kind), (class, reason, again), "{kind:?}");
        }
    }
}
