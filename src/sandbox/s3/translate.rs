//! Between the words of the S3 protocol and those of the store.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use s3s::dto::{ETagCondition, Metadata, Timestamp};
use s3s::{S3Result, TrailingHeaders, s3_error};

use super::checksums::Hasher;
use super::error::ObjectError;
use super::file::Meta;
use super::store::Condition;

/// The name in `x-amz-trailer`, lower case.
pub(super) fn trailer_of(headers: &axum::http::HeaderMap) -> Option<String> {
    let text = headers.get("x-amz-trailer")?.to_str().ok()?;
    Some(text.trim().to_ascii_lowercase())
}

/// Compares the checksums that came after the body.
pub(super) fn check_trailers(
    hasher: &Hasher,
    trailers: Option<TrailingHeaders>,
) -> Result<(), ObjectError> {
    let headers = trailers.and_then(|trailers| trailers.take());
    for (name, value) in headers.iter().flatten() {
        let algorithm = name.as_str().strip_prefix("x-amz-checksum-");
        if let (Some(algorithm), Ok(value)) = (algorithm, value.to_str()) {
            hasher.check_one(algorithm, value)?;
        }
    }
    Ok(())
}

pub(super) fn condition(
    if_match: Option<ETagCondition>,
    if_none_match: Option<ETagCondition>,
) -> S3Result<Condition> {
    match (if_match, if_none_match) {
        (None, None) => Ok(Condition::Always),
        (None, Some(ETagCondition::Any)) => Ok(Condition::Absent),
        (Some(ETagCondition::Any), None) => Ok(Condition::Present),
        (Some(ETagCondition::ETag(tag)), None) => Ok(Condition::Matches(tag.value().to_owned())),
        _ => Err(s3_error!(NotImplemented, "such a condition on a put")),
    }
}

/// The conditions of a read: 412 and 304.
pub(super) fn check_read(
    meta: &Meta,
    if_match: Option<&ETagCondition>,
    if_none_match: Option<&ETagCondition>,
) -> S3Result<()> {
    let is = |condition: &ETagCondition| match condition {
        ETagCondition::Any => true,
        ETagCondition::ETag(tag) => tag.value() == meta.etag,
    };
    if if_match.is_some_and(|condition| !is(condition)) {
        return Err(s3_error!(PreconditionFailed));
    }
    if if_none_match.is_some_and(is) {
        return Err(s3_error!(NotModified));
    }
    Ok(())
}

pub(super) fn write_token((entry, folded): &(String, bool)) -> String {
    let mark = if *folded { 'p' } else { 'k' };
    URL_SAFE_NO_PAD.encode(format!("{mark}{entry}"))
}

pub(super) fn read_token(token: &str) -> S3Result<(Option<String>, bool)> {
    let text = URL_SAFE_NO_PAD
        .decode(token)
        .ok()
        .and_then(|bytes| String::from_utf8(bytes).ok());
    let read = text.as_deref().and_then(|text| {
        let (mark, entry) = text.split_at_checked(1)?;
        Some((Some(entry.to_owned()), mark == "p"))
    });
    read.ok_or_else(|| s3_error!(InvalidArgument, "the continuation token is not one of ours"))
}

pub(super) fn refused(error: ObjectError) -> s3s::S3Error {
    let message = error.to_string();
    match error {
        ObjectError::NoBucket(_) => s3_error!(NoSuchBucket, "{message}"),
        ObjectError::Condition(_) => s3_error!(PreconditionFailed, "{message}"),
        ObjectError::Digest(_) => s3_error!(BadDigest, "{message}"),
        ObjectError::NoUpload(_) => s3_error!(NoSuchUpload, "{message}"),
        ObjectError::Part(_) => s3_error!(InvalidPart, "{message}"),
        ObjectError::SmallPart(_) => s3_error!(EntityTooSmall, "{message}"),
        ObjectError::Body(_) => s3_error!(IncompleteBody, "{message}"),
        ObjectError::File { source, .. } => s3_error!(InternalError, "{message}: {source}"),
    }
}

pub(super) fn modified(unix_ms: u64) -> Option<Timestamp> {
    let time = time::OffsetDateTime::from_unix_timestamp_nanos(i128::from(unix_ms) * 1_000_000);
    time.ok().map(Timestamp::from)
}

pub(super) fn own_metadata(metadata: BTreeMap<String, String>) -> Option<Metadata> {
    (!metadata.is_empty()).then(|| metadata.into_iter().collect())
}

pub(super) fn signed(bytes: u64) -> i64 {
    i64::try_from(bytes).unwrap_or(i64::MAX)
}
