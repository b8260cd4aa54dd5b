//! What an error of the AWS SDK means.

use std::error::Error;
use std::time::Duration;

use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;

use crate::client::Cause;
use crate::client::error::excerpt;
use crate::client::http::seconds;
use crate::runtime::causes;

/// Codes of throttling, over all services in use.
const THROTTLED: [&str; 8] = [
    "ProvisionedThroughputExceededException",
    "ThrottlingException",
    "Throttling",
    "ThrottledException",
    "RequestLimitExceeded",
    "RequestThrottled",
    "SlowDown",
    "TooManyRequestsException",
];
/// Codes that say that something is not there.
const MISSING: [&str; 7] = [
    "ResourceNotFoundException",
    "NoSuchKey",
    "NoSuchBucket",
    "NotFound",
    "QueueDoesNotExist",
    "AWS.SimpleQueueService.NonExistentQueue",
    "NoSuchUpload",
];
/// Codes of refused credentials or permissions.
const CREDENTIALS: [&str; 11] = [
    "AccessDenied",
    "AccessDeniedException",
    "UnrecognizedClientException",
    "InvalidSignatureException",
    "SignatureDoesNotMatch",
    "InvalidAccessKeyId",
    "InvalidClientTokenId",
    "ExpiredToken",
    "ExpiredTokenException",
    "MissingAuthenticationTokenException",
    "IncompleteSignature",
];

/// Classifies an SDK error by code and status.
pub(crate) fn cause<E>(error: SdkError<E, HttpResponse>) -> Cause
where
    E: ProvideErrorMetadata + Error + 'static,
{
    match error {
        SdkError::TimeoutError(_) => Cause::Timeout,
        SdkError::ServiceError(inner) => {
            let status = inner.raw().status().as_u16();
            let code = inner.err().code().unwrap_or_default();
            let message = inner.err().message().unwrap_or(code);
            let retry_after = inner.raw().headers().get("retry-after");
            by_code(status, code, message, retry_after.and_then(seconds))
        }
        SdkError::DispatchFailure(inner) if inner.is_timeout() => Cause::Timeout,
        SdkError::ResponseError(inner) => {
            let status = inner.raw().status().as_u16();
            let retry_after = inner.raw().headers().get("retry-after").and_then(seconds);
            unreadable(
                status,
                &causes(&SdkError::<E, _>::ResponseError(inner)),
                retry_after,
            )
        }
        other => by_chain(&causes(&other)),
    }
}

fn by_code(status: u16, code: &str, message: &str, retry_after: Option<Duration>) -> Cause {
    if THROTTLED.contains(&code) || status == 429 {
        Cause::Throttled { retry_after }
    } else if MISSING.contains(&code) || (code.is_empty() && status == 404) {
        Cause::Missing
    } else if CREDENTIALS.contains(&code) || (code.is_empty() && matches!(status, 401 | 403)) {
        Cause::Credentials(excerpt(message))
    } else if matches!(
        code,
        "ConditionalCheckFailedException" | "PreconditionFailed"
    ) || status == 412
    {
        Cause::Condition
    } else if !(400..500).contains(&status) {
        // S3 may say an error under a good status.
        Cause::Unavailable {
            status,
            message: excerpt(message),
            retry_after,
        }
    } else {
        Cause::Refused {
            status,
            message: excerpt(&format!("{code}: {message}")),
        }
    }
}

/// An answer that is none of the service's: a proxy's page, or a body that was cut.
fn unreadable(status: u16, text: &str, retry_after: Option<Duration>) -> Cause {
    match status {
        429 => Cause::Throttled { retry_after },
        500.. => Cause::Unavailable {
            status,
            message: excerpt(text),
            retry_after,
        },
        _ => Cause::Malformed(excerpt(text)),
    }
}

/// The SDK has no class of its own for "no credentials": the chain of messages says so.
fn by_chain(chain: &str) -> Cause {
    let lower = chain.to_ascii_lowercase();
    if lower.contains("credentials") || lower.contains("no identity") {
        Cause::Credentials(excerpt(chain))
    } else {
        Cause::Network(excerpt(chain))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_decide_before_statuses() {
        assert_eq!(
            by_code(400, "ProvisionedThroughputExceededException", "", None),
            Cause::Throttled { retry_after: None }
        );
        assert_eq!(
            by_code(400, "ResourceNotFoundException", "", None),
            Cause::Missing
        );
        assert_eq!(
            by_code(400, "ConditionalCheckFailedException", "", None),
            Cause::Condition
        );
        assert!(matches!(
            by_code(403, "AccessDenied", "no", None),
            Cause::Credentials(_)
        ));
        assert!(matches!(
            by_code(400, "ValidationException", "no", None),
            Cause::Refused { status: 400, .. }
        ));
        assert!(matches!(
            by_code(503, "", "", None),
            Cause::Unavailable { status: 503, .. }
        ));
        assert_eq!(by_code(404, "", "", None), Cause::Missing);
    }

    #[test]
    fn missing_credentials_are_no_network_trouble() {
        assert!(matches!(
            by_chain("dispatch failure: no credentials in the chain"),
            Cause::Credentials(_)
        ));
        assert!(matches!(
            by_chain("dispatch failure: connection refused"),
            Cause::Network(_)
        ));
    }
}
