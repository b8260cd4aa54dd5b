//! What an error of the AWS SDK means.

use std::error::Error;

use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;

use crate::client::Cause;
use crate::client::error::excerpt;
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
            by_code(status, code, message)
        }
        SdkError::DispatchFailure(inner) if inner.is_timeout() => Cause::Timeout,
        other => by_chain(&causes(&other)),
    }
}

fn by_code(status: u16, code: &str, message: &str) -> Cause {
    if THROTTLED.contains(&code) || status == 429 {
        Cause::Throttled { retry_after: None }
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
    } else if status >= 500 {
        Cause::Unavailable {
            status,
            message: excerpt(message),
            retry_after: None,
        }
    } else {
        Cause::Refused {
            status,
            message: excerpt(&format!("{code}: {message}")),
        }
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
            by_code(400, "ProvisionedThroughputExceededException", ""),
            Cause::Throttled { retry_after: None }
        );
        assert_eq!(
            by_code(400, "ResourceNotFoundException", ""),
            Cause::Missing
        );
        assert_eq!(
            by_code(400, "ConditionalCheckFailedException", ""),
            Cause::Condition
        );
        assert!(matches!(
            by_code(403, "AccessDenied", "no"),
            Cause::Credentials(_)
        ));
        assert!(matches!(
            by_code(400, "ValidationException", "no"),
            Cause::Refused { status: 400, .. }
        ));
        assert!(matches!(
            by_code(503, "", ""),
            Cause::Unavailable { status: 503, .. }
        ));
        assert_eq!(by_code(404, "", ""), Cause::Missing);
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
