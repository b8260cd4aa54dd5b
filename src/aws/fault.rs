//! An error of the SDK, classified.

use std::error::Error;
use std::time::Duration;

use aws_credential_types::provider::error::CredentialsError;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::{DispatchFailure, SdkError};
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use aws_smithy_types::retry::ErrorKind;

use super::codes;
use super::kind::{Kind, Lack, Setting};
use crate::runtime::{error_chain, root_cause};

/// Why a request was not carried out, as far as the answer tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// What kind of trouble it is.
    pub kind: Kind,
    /// HTTP status; none when there was no answer.
    pub status: Option<u16>,
    /// Code and message of the service, or what went wrong on the way to it.
    pub text: String,
    /// How long the service asks to be left alone.
    pub retry_after: Option<Duration>,
}

impl Fault {
    /// What an error of the SDK means.
    #[must_use]
    pub fn of<E>(error: &SdkError<E, HttpResponse>) -> Self
    where
        E: ProvideErrorMetadata + Error + 'static,
    {
        let raw = error.raw_response();
        let status = raw.map(|raw| raw.status().as_u16());
        let (kind, text) = match error {
            SdkError::ServiceError(inner) => {
                let (code, message) = (inner.err().code(), inner.err().message());
                let kind = by_answer(status.unwrap_or(0), code.unwrap_or(""), message);
                let words = [code, message].into_iter().flatten();
                (kind, words.collect::<Vec<_>>().join(": "))
            }
            SdkError::TimeoutError(_) => (Kind::Late, error_chain(error)),
            SdkError::ResponseError(_) => (unreadable(status.unwrap_or(0)), error_chain(error)),
            SdkError::DispatchFailure(failure) => match undelivered(failure) {
                Kind::Unreachable => (Kind::Unreachable, root_cause(error)),
                kind => (kind, error_chain(error)),
            },
            other => (
                of_credentials(other).unwrap_or(Kind::Unclear),
                error_chain(error),
            ),
        };
        let header = |name: &str| raw.and_then(|raw| raw.headers().get(name)?.parse().ok());
        let retry_after = header("x-amz-retry-after")
            .map(Duration::from_millis)
            .or_else(|| header("retry-after").map(Duration::from_secs));
        Self {
            kind,
            status,
            text,
            retry_after,
        }
    }

    /// What a service says of one entry of a batch. Whose fault it is by its own word does not count: throttling is
    /// told as the sender's.
    #[must_use]
    pub fn of_entry(code: &str, message: Option<&str>) -> Self {
        let words = [Some(code), message].into_iter().flatten();
        Self {
            kind: by_answer(0, code, message),
            status: None,
            text: words.collect::<Vec<_>>().join(": "),
            retry_after: None,
        }
    }
}

/// The code decides, then the status, but for one that has a single meaning. What neither tells is unclear.
fn by_answer(status: u16, code: &str, message: Option<&str>) -> Kind {
    // Said by the service or by whoever stands before it.
    if status == 429 {
        return Kind::Throttled;
    }
    if let Some(kind) = codes::meaning(code) {
        return match kind {
            Kind::Credentials(Lack::Refused) if is_skewed(message) => Kind::Setting(Setting::Clock),
            kind => kind,
        };
    }
    match status {
        301 => Kind::Setting(Setting::Region),
        // Looks have no body, and so no code.
        401 | 403 if code.is_empty() => Kind::Credentials(Lack::Refused),
        404 if code.is_empty() => Kind::Absent,
        412 => Kind::Condition,
        408 | 409 | 425 | 500.. => Kind::Passing,
        _ => Kind::Unclear,
    }
}

/// Services without a code for it say in words that a signature is too old, or of a time to come.
fn is_skewed(message: Option<&str>) -> bool {
    let message = message.unwrap_or_default();
    ["Signature expired", "Signature not yet current"]
        .iter()
        .any(|words| message.contains(words))
}

/// An answer that is none of the service's: a proxy's page, or a body that was cut.
fn unreadable(status: u16) -> Kind {
    match status {
        429 => Kind::Throttled,
        500.. => Kind::Passing,
        _ => Kind::Unanswered,
    }
}

/// A request that was not sent, or of which the way broke.
fn undelivered(failure: &DispatchFailure) -> Kind {
    let Some(error) = failure.as_connector_error() else {
        return Kind::Unclear;
    };
    if let Some(kind) = of_credentials(error) {
        return kind;
    }
    if error.is_timeout() {
        return Kind::Late;
    }
    // A connection that broke may have carried the request; one that was never made did not.
    if error.is_io() {
        return if error_chain(error).contains("connect") {
            Kind::Unreachable
        } else {
            Kind::Unanswered
        };
    }
    match error.as_other() {
        Some(ErrorKind::ThrottlingError) => Kind::Throttled,
        Some(ErrorKind::ClientError) => Kind::Unclear,
        _ => Kind::Unanswered,
    }
}

/// What providers of credentials say, if it was they.
fn of_credentials(error: &(dyn Error + 'static)) -> Option<Kind> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(error) = error.downcast_ref::<CredentialsError>() {
            return Some(of_provider(error));
        }
        next = error.source();
    }
    // Without any provider nobody says it but in words.
    let words = error_chain(error);
    let nobody = words.contains("no identity") || words.contains("no credentials");
    nobody.then_some(Kind::Credentials(Lack::Absent))
}

fn of_provider(error: &CredentialsError) -> Kind {
    let words = error_chain(error);
    match error {
        CredentialsError::CredentialsNotLoaded(_) => Kind::Credentials(Lack::Absent),
        CredentialsError::ProviderTimedOut(_) => Kind::Unreachable,
        _ if words.contains("xpired") => Kind::Credentials(Lack::Expired),
        _ if words.contains("dispatch failure") || words.contains("timeout") => Kind::Unreachable,
        _ => Kind::Credentials(Lack::Refused),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_service_says_of_an_entry_counts_by_its_code() {
        for (code, kind) in [
            ("ThrottlingException", Kind::Throttled),
            ("InternalError", Kind::Passing),
            ("InvalidMessageContents", Kind::Refused),
            ("SomethingNew", Kind::Unclear),
        ] {
            let fault = Fault::of_entry(code, Some("words"));
            assert_eq!(fault.kind, kind, "{code}");
            assert_eq!(fault.text, format!("{code}: words"));
        }
    }

    #[test]
    fn without_a_code_the_status_decides_and_what_nobody_knows_is_unclear() {
        for (status, kind) in [
            (301, Kind::Setting(Setting::Region)),
            (400, Kind::Unclear),
            (403, Kind::Credentials(Lack::Refused)),
            (404, Kind::Absent),
            (408, Kind::Passing),
            (409, Kind::Passing),
            (412, Kind::Condition),
            (418, Kind::Unclear),
            (429, Kind::Throttled),
            (500, Kind::Passing),
            (503, Kind::Passing),
        ] {
            assert_eq!(by_answer(status, "", None), kind, "{status}");
        }
        for status in [400, 401, 403, 404] {
            assert_eq!(by_answer(status, "SomethingNew", None), Kind::Unclear);
        }
        // S3 may say an error under a good status.
        assert_eq!(by_answer(200, "InternalError", None), Kind::Passing);
        assert_eq!(by_answer(200, "SlowDown", None), Kind::Throttled);
        assert_eq!(by_answer(503, "SomethingNew", None), Kind::Passing);
        assert_eq!(by_answer(429, "InternalError", None), Kind::Throttled);
    }

    #[test]
    fn a_signature_of_another_time_is_the_clocks_fault() {
        for words in [
            "Signature expired: 20260101T000000Z is now earlier than 20260101T001000Z",
            "Signature not yet current: 20260101T001000Z is still later than 20260101T000000Z",
        ] {
            assert_eq!(
                by_answer(400, "InvalidSignatureException", Some(words)),
                Kind::Setting(Setting::Clock)
            );
        }
        assert_eq!(
            by_answer(403, "SignatureDoesNotMatch", Some("check your key")),
            Kind::Credentials(Lack::Refused)
        );
    }

    #[test]
    fn providers_say_whether_there_are_none_or_they_ended() {
        let none = CredentialsError::not_loaded("no providers in chain provided credentials");
        let ended = CredentialsError::provider_error("ExpiredTokenException: log in again");
        let refused = CredentialsError::provider_error("AccessDenied");
        let silent = CredentialsError::provider_timed_out(Duration::from_secs(5));
        for (error, kind) in [
            (none, Kind::Credentials(Lack::Absent)),
            (ended, Kind::Credentials(Lack::Expired)),
            (refused, Kind::Credentials(Lack::Refused)),
            (silent, Kind::Unreachable),
        ] {
            assert_eq!(of_credentials(&error), Some(kind), "{error:?}");
        }
    }
}
