//! What error codes mean, as the services document them: DynamoDB, S3, R2, SQS, STS and KMS.

use aws_runtime::retries::classifiers::{THROTTLING_ERRORS, TRANSIENT_ERRORS};

use super::kind::{Kind, Lack, Setting};

/// Codes by meaning, without what services put before and behind the same name (see [`plain`]).
const CODES: &[(Kind, &[&str])] = &[
    (
        Kind::Absent,
        &["NoSuchKey", "NoSuchUpload", "NoSuchVersion", "NotFound"],
    ),
    (
        Kind::NoResource,
        &[
            "ResourceNotFound",
            "TableNotFound",
            "NoSuchBucket",
            "QueueDoesNotExist",
            "NonExistentQueue",
            "InvalidAddress",
            "Disabled",
            "InvalidKeyUsage",
        ],
    ),
    (
        Kind::Condition,
        &["ConditionalCheckFailed", "PreconditionFailed"],
    ),
    (
        Kind::Throttled,
        &[
            "OverLimit",
            "TransactionConflict",
            "ReplicatedWriteConflict",
            "Busy",
        ],
    ),
    (
        Kind::Passing,
        &[
            "OperationAborted",
            "ConditionalRequestConflict",
            "Internal",
            "InternalServer",
            "InternalFailure",
            "ServiceUnavailable",
            "Unavailable",
            "IncompleteBody",
            "ClientDisconnect",
            "BadDigest",
            "XAmzContentSHA256Mismatch",
            "TemporaryRedirect",
            "Redirect",
            "ResourceInUse",
            "QueueDeletedRecently",
            "DependencyTimeout",
            "KeyUnavailable",
            "IDPCommunication",
        ],
    ),
    (
        Kind::Credentials(Lack::Expired),
        &["ExpiredToken", "TokenRefreshRequired"],
    ),
    (
        Kind::Credentials(Lack::Refused),
        &[
            "AccessDenied",
            "AccountProblem",
            "AllAccessDisabled",
            "AuthFailure",
            "IDPRejectedClaim",
            "IncompleteSignature",
            "InvalidAccessKeyId",
            "InvalidClientTokenId",
            "InvalidIdentityToken",
            "InvalidSecurity",
            "InvalidSignature",
            "InvalidToken",
            "MissingAuthenticationToken",
            "MissingSecurityHeader",
            "NotAuthorized",
            "NotSignedUp",
            "OptInRequired",
            "RegionDisabled",
            "SignatureDoesNotMatch",
            "Unauthorized",
            "UnauthorizedAccess",
            "UnrecognizedClient",
        ],
    ),
    (
        Kind::Setting(Setting::Clock),
        &[
            "RequestTimeTooSkewed",
            "RequestExpired",
            "RequestInTheFuture",
        ],
    ),
    (
        Kind::Setting(Setting::Region),
        &[
            "PermanentRedirect",
            "AuthorizationHeaderMalformed",
            "IllegalLocationConstraint",
            "InvalidRegionName",
        ],
    ),
    (
        Kind::Refused,
        &[
            "BatchEntryIdsNotDistinct",
            "BatchRequestTooLong",
            "EmptyBatchRequest",
            "EntityTooLarge",
            "EntityTooSmall",
            "IdempotentParameterMismatch",
            "InvalidArgument",
            "InvalidAttributeValue",
            "InvalidBatchEntryId",
            "InvalidBucketName",
            "InvalidCiphertext",
            "InvalidDigest",
            "InvalidMessageContents",
            "InvalidObjectState",
            "InvalidParameterValue",
            "InvalidRange",
            "InvalidRequest",
            "ItemCollectionSizeLimitExceeded",
            "KeyTooLong",
            "MalformedPolicyDocument",
            "MalformedXML",
            "MetadataTooLarge",
            "MethodNotAllowed",
            "MissingContentLength",
            "MissingParameter",
            "NotImplemented",
            "PackedPolicyTooLarge",
            "Serialization",
            "TooManyEntriesInBatchRequest",
            "UnknownOperation",
            "UnsupportedOperation",
            "Validation",
        ],
    ),
];

/// What services put before their own codes.
const BEFORE: &[&str] = &["AWS.SimpleQueueService.", "AWS.SQS."];
/// What they put behind the same names, or not.
const BEHIND: &[&str] = &["Exception", "Error"];

/// What a code means; none if nobody documents it.
pub(super) fn meaning(code: &str) -> Option<Kind> {
    let code = plain(code);
    if let Some(of_key) = code.strip_prefix("KMS").or(code.strip_prefix("Kms")) {
        return Some(of_key_service(of_key));
    }
    let known = CODES
        .iter()
        .find_map(|(kind, codes)| codes.contains(&code).then_some(*kind));
    let among = |codes: &[&str]| codes.iter().any(|one| plain(one) == code);
    known.or_else(|| {
        if among(THROTTLING_ERRORS) || code.contains("Throttl") {
            Some(Kind::Throttled)
        } else if among(TRANSIENT_ERRORS) {
            Some(Kind::Passing)
        } else {
            None
        }
    })
}

/// The name that all services have for it: `com.amazonaws.dynamodb#ThrottlingException:http://…` is `Throttling`.
fn plain(code: &str) -> &str {
    let code = code.rsplit('#').next().unwrap_or(code);
    let code = code.split(':').next().unwrap_or(code);
    let strip = |code: &'_ str| -> usize {
        BEFORE
            .iter()
            .find_map(|before| code.starts_with(before).then_some(before.len()))
            .unwrap_or(0)
    };
    let code = &code[strip(code)..];
    BEHIND
        .iter()
        .find_map(|behind| code.strip_suffix(behind).filter(|code| !code.is_empty()))
        .unwrap_or(code)
}

/// What a service says of the key that it encrypts with.
fn of_key_service(code: &str) -> Kind {
    let code = code.trim_start_matches('.');
    if code.contains("Throttl") {
        Kind::Throttled
    } else if code.contains("AccessDenied") {
        Kind::Credentials(Lack::Refused)
    } else if code.starts_with("Internal") || code.contains("Unavailable") {
        Kind::Passing
    } else {
        Kind::NoResource
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each documented code as it is on the wire, and what it must mean.
    const DOCUMENTED: &[(&str, &[(&str, Kind)])] = &[
        (
            "DynamoDB",
            &[
                ("AccessDeniedException", Kind::Credentials(Lack::Refused)),
                ("ConditionalCheckFailedException", Kind::Condition),
                (
                    "IncompleteSignatureException",
                    Kind::Credentials(Lack::Refused),
                ),
                ("ItemCollectionSizeLimitExceededException", Kind::Refused),
                ("LimitExceededException", Kind::Throttled),
                (
                    "MissingAuthenticationTokenException",
                    Kind::Credentials(Lack::Refused),
                ),
                ("ProvisionedThroughputExceededException", Kind::Throttled),
                ("ReplicatedWriteConflictException", Kind::Throttled),
                ("RequestLimitExceeded", Kind::Throttled),
                ("ResourceInUseException", Kind::Passing),
                ("ResourceNotFoundException", Kind::NoResource),
                ("ThrottlingException", Kind::Throttled),
                (
                    "com.amazonaws.dynamodb.v20120810#ThrottlingException",
                    Kind::Throttled,
                ),
                (
                    "UnrecognizedClientException",
                    Kind::Credentials(Lack::Refused),
                ),
                ("ValidationException", Kind::Refused),
                (
                    "com.amazon.coral.validate#ValidationException",
                    Kind::Refused,
                ),
                ("InternalServerError", Kind::Passing),
                ("ServiceUnavailable", Kind::Passing),
                ("TransactionConflictException", Kind::Throttled),
                ("TransactionInProgressException", Kind::Throttled),
                ("IdempotentParameterMismatchException", Kind::Refused),
                ("ExpiredTokenException", Kind::Credentials(Lack::Expired)),
            ],
        ),
        (
            "S3",
            &[
                ("AccessDenied", Kind::Credentials(Lack::Refused)),
                ("AccountProblem", Kind::Credentials(Lack::Refused)),
                (
                    "AuthorizationHeaderMalformed",
                    Kind::Setting(Setting::Region),
                ),
                ("BadDigest", Kind::Passing),
                ("ConditionalRequestConflict", Kind::Passing),
                ("EntityTooLarge", Kind::Refused),
                ("ExpiredToken", Kind::Credentials(Lack::Expired)),
                ("IncompleteBody", Kind::Passing),
                ("InternalError", Kind::Passing),
                ("InvalidAccessKeyId", Kind::Credentials(Lack::Refused)),
                ("InvalidObjectState", Kind::Refused),
                ("InvalidRange", Kind::Refused),
                ("InvalidToken", Kind::Credentials(Lack::Refused)),
                ("KeyTooLongError", Kind::Refused),
                ("KMS.DisabledException", Kind::NoResource),
                ("KMS.NotFoundException", Kind::NoResource),
                ("MethodNotAllowed", Kind::Refused),
                ("NoSuchBucket", Kind::NoResource),
                ("NoSuchKey", Kind::Absent),
                ("NotFound", Kind::Absent),
                ("NotImplemented", Kind::Refused),
                ("OperationAborted", Kind::Passing),
                ("PermanentRedirect", Kind::Setting(Setting::Region)),
                ("PreconditionFailed", Kind::Condition),
                ("RequestTimeout", Kind::Passing),
                ("RequestTimeTooSkewed", Kind::Setting(Setting::Clock)),
                ("ServiceUnavailable", Kind::Passing),
                ("SignatureDoesNotMatch", Kind::Credentials(Lack::Refused)),
                ("SlowDown", Kind::Throttled),
                ("TemporaryRedirect", Kind::Passing),
                ("TokenRefreshRequired", Kind::Credentials(Lack::Expired)),
            ],
        ),
        (
            "R2",
            &[
                ("ClientDisconnect", Kind::Passing),
                ("InternalError", Kind::Passing),
                ("InvalidRegionName", Kind::Setting(Setting::Region)),
                ("NoSuchBucket", Kind::NoResource),
                ("TooManyRequests", Kind::Throttled),
                ("Unauthorized", Kind::Credentials(Lack::Refused)),
            ],
        ),
        (
            "SQS",
            &[
                ("AWS.SimpleQueueService.NonExistentQueue", Kind::NoResource),
                ("com.amazonaws.sqs#QueueDoesNotExist", Kind::NoResource),
                ("InvalidAddress", Kind::NoResource),
                ("InvalidMessageContents", Kind::Refused),
                ("KmsAccessDenied", Kind::Credentials(Lack::Refused)),
                ("KmsDisabled", Kind::NoResource),
                ("KmsThrottled", Kind::Throttled),
                ("OverLimit", Kind::Throttled),
                ("RequestThrottled", Kind::Throttled),
                ("AWS.SimpleQueueService.BatchRequestTooLong", Kind::Refused),
                ("UnsupportedOperation", Kind::Refused),
            ],
        ),
        (
            "STS",
            &[
                ("ExpiredTokenException", Kind::Credentials(Lack::Expired)),
                ("IDPCommunicationError", Kind::Passing),
                ("IDPRejectedClaim", Kind::Credentials(Lack::Refused)),
                ("InvalidIdentityToken", Kind::Credentials(Lack::Refused)),
                ("PackedPolicyTooLarge", Kind::Refused),
                ("RegionDisabledException", Kind::Credentials(Lack::Refused)),
                ("InvalidClientTokenId", Kind::Credentials(Lack::Refused)),
            ],
        ),
        (
            "KMS",
            &[
                ("DependencyTimeoutException", Kind::Passing),
                ("DisabledException", Kind::NoResource),
                ("InvalidKeyUsageException", Kind::NoResource),
                ("KeyUnavailableException", Kind::Passing),
                ("KMSInternalException", Kind::Passing),
                ("KMSInvalidStateException", Kind::NoResource),
            ],
        ),
        (
            "any",
            &[
                ("RequestTimeoutException", Kind::Passing),
                ("Throttling", Kind::Throttled),
                ("ThrottledException", Kind::Throttled),
                ("SomeNewThrottlingThing", Kind::Throttled),
                ("BandwidthLimitExceeded", Kind::Throttled),
            ],
        ),
    ];

    #[test]
    fn documented_codes_mean_what_their_service_says() {
        for (service, codes) in DOCUMENTED {
            for (code, kind) in *codes {
                assert_eq!(meaning(code), Some(*kind), "{service}: {code}");
            }
        }
    }

    #[test]
    fn what_nobody_documents_has_no_meaning_and_each_name_has_one() {
        for code in ["", "Error", "SomethingNew", "InvalidCatNameException"] {
            assert_eq!(meaning(code), None, "{code}");
        }
        let mut seen = std::collections::BTreeSet::new();
        for code in CODES.iter().flat_map(|(_, codes)| *codes) {
            assert!(seen.insert(code), "{code} stands twice");
            assert_eq!(plain(code), *code, "is looked for without its ending");
        }
    }
}
