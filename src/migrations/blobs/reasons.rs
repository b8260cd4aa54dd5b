//! Why a blob cannot be moved, and what an operator does about it.

use crate::client::blobs::{BlobError, ErrorKind};
use crate::model::{Class, Failure, Reason, ReasonInfo, Reasons};

/// The blob is on no backend.
pub const MISSING_BLOB: Reason = Reason::new("MISSING_BLOB");
/// The bytes at the source are not those that the expected digest names.
pub const SOURCE_CORRUPT: Reason = Reason::new("SOURCE_CORRUPT");
/// What was read back from the target is not what was written, twice.
pub const TARGET_MISMATCH: Reason = Reason::new("TARGET_MISMATCH");
/// The blob changed while it was read.
pub const CHANGED_WHILE_READ: Reason = Reason::new("CHANGED_WHILE_READ");
/// A backend cannot hold a blob of this key.
pub const UNREPRESENTABLE_KEY: Reason = Reason::new("UNREPRESENTABLE_KEY");
/// Something else than a blob is under the key.
pub const NOT_A_BLOB: Reason = Reason::new("NOT_A_BLOB");
/// Something else is under the key on the target.
pub const TARGET_OCCUPIED: Reason = Reason::new("TARGET_OCCUPIED");
/// Only the target has these bytes.
pub const ONLY_COPY: Reason = Reason::new("ONLY_COPY");
/// This user may not read or write the blob.
pub const ACCESS_DENIED: Reason = Reason::new("ACCESS_DENIED");
/// A backend takes no more.
pub const TARGET_FULL: Reason = Reason::new("TARGET_FULL");

/// All reasons that a run over blobs may meet.
pub const REASONS: Reasons = Reasons::with(&[
    ReasonInfo::of_data(
        MISSING_BLOB,
        "the blob is not at the source any more: put it back there, then retry",
    ),
    ReasonInfo::of_data(
        SOURCE_CORRUPT,
        "the bytes at the source are damaged: put the right ones there, then retry",
    )
    .damage(),
    ReasonInfo::new(
        TARGET_MISMATCH,
        "the target does not keep what is written: check its storage before anything else is copied",
    )
    .damage(),
    ReasonInfo::new(
        CHANGED_WHILE_READ,
        "somebody writes to this blob: stop the writer, then retry",
    ),
    ReasonInfo::of_data(
        UNREPRESENTABLE_KEY,
        "the target cannot hold a blob of this name: rename it at the source, then retry",
    ),
    ReasonInfo::of_data(
        NOT_A_BLOB,
        "something else than a file has the name of the blob: move it away, then retry",
    ),
    ReasonInfo::of_data(
        TARGET_OCCUPIED,
        "the target has something else under this key: move it away and retry, or replace it with `sterna blobs copy --retry --replace`",
    ),
    ReasonInfo::new(
        ONLY_COPY,
        "the source has not these bytes any more: put them back there before the copy is removed",
    ),
    ReasonInfo::new(ACCESS_DENIED, "give this user access, then retry"),
    ReasonInfo::new(TARGET_FULL, "make room on the backend, then retry"),
]);

/// What a failed call to a backend means for the blob. `side` is `source` or `target`.
pub(super) fn failure(side: &'static str, error: &BlobError) -> Failure {
    let (class, reason) = match error.kind {
        ErrorKind::Unavailable => (Class::Transient, Reason::UNREACHABLE),
        ErrorKind::Changed => (Class::Transient, CHANGED_WHILE_READ),
        ErrorKind::Key => (Class::Permanent, UNREPRESENTABLE_KEY),
        ErrorKind::NotABlob => (Class::Permanent, NOT_A_BLOB),
        ErrorKind::Full => (Class::Transient, TARGET_FULL),
        ErrorKind::Denied => (Class::Permanent, ACCESS_DENIED),
    };
    Failure::new(class, reason, format!("{side}: {error}")).from_dependency(side)
}
