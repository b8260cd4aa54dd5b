//! One pass over the bytes of a blob: read, hashed, and written if they are to be.

use std::sync::Arc;

use futures::StreamExt as _;

use super::digest::{Digests, Expected, Hasher};
use super::reasons::{CHANGED_WHILE_READ, MISSING_BLOB, SOURCE_CORRUPT, TARGET_MISMATCH, failure};
use crate::client::blobs::{Backend, BlobWriter, Head, Identity, Overwrite, Reading};
use crate::model::Failure;

/// The word for the backend that is read, in messages and limits.
pub(super) const SOURCE: &str = "source";
/// The word for the backend that is written.
pub(super) const TARGET: &str = "target";

/// A blob that is written and durable, and that no reader sees yet.
pub(super) struct Staged {
    pub(super) writer: Box<dyn BlobWriter>,
    pub(super) identity: Identity,
    pub(super) digests: Digests,
}

/// The digests of a blob; `None` if it is not there.
///
/// # Errors
/// It could not be read to its end.
pub async fn digests_of(
    (side, backend): (&'static str, &dyn Backend),
    key: &str,
    expected: Option<&Expected>,
    beat: impl Fn(),
) -> Result<Option<(Head, Digests)>, Failure> {
    let reading = backend
        .read(key)
        .await
        .map_err(|error| failure(side, &error))?;
    let Some(Reading { head, mut body }) = reading else {
        return Ok(None);
    };
    let mut hasher = Hasher::new(expected);
    while let Some(bytes) = body.next().await {
        hasher.update(&bytes.map_err(|error| failure(side, &error))?);
        beat();
    }
    let digests = hasher.finish();
    whole(side, key, &head, &digests)?;
    Ok(Some((head, digests)))
}

/// Reads a blob and writes it to another backend, where nobody sees it yet. What is not what was expected is not kept.
pub(super) async fn stage(
    key: &str,
    reading: Reading,
    target: &dyn Backend,
    (expected, beat): (Option<&Expected>, &(dyn Fn() + Sync)),
) -> Result<Staged, Failure> {
    let Reading { head, mut body } = reading;
    let of_target = |error| failure(TARGET, &error);
    let mut writer = target.create(key, head.size).await.map_err(of_target)?;
    let mut hasher = Hasher::new(expected);
    while let Some(bytes) = body.next().await {
        let bytes = bytes.map_err(|error| failure(SOURCE, &error))?;
        hasher.update(&bytes);
        writer.write(bytes).await.map_err(of_target)?;
        beat();
    }
    let digests = hasher.finish();
    whole(SOURCE, key, &head, &digests)?;
    if expected.is_some_and(|expected| !digests.are(expected)) {
        let found = digests.sha256_hex();
        let why = format!(
            "{SOURCE}: the bytes under {key} hash to {found} (SHA-256), which is not what the key names"
        );
        return Err(Failure::permanent(SOURCE_CORRUPT, why));
    }
    let identity = writer.seal().await.map_err(of_target)?;
    Ok(Staged {
        writer,
        identity,
        digests,
    })
}

/// A stream that ended early is no blob.
fn whole(side: &'static str, key: &str, head: &Head, digests: &Digests) -> Result<(), Failure> {
    if digests.size == head.size {
        return Ok(());
    }
    let why = format!(
        "{side}: {key} has {} bytes, and {} were read",
        head.size, digests.size
    );
    Err(Failure::transient(CHANGED_WHILE_READ, why).from_dependency(side))
}

/// Copies one blob outside of a run, and reads it back.
///
/// # Errors
/// It could not be read or written, or reads back as something else.
pub async fn carry(
    key: &str,
    (from, to): (Arc<dyn Backend>, Arc<dyn Backend>),
    expected: Option<&Expected>,
) -> Result<(), Failure> {
    let reading = from
        .read(key)
        .await
        .map_err(|error| failure(SOURCE, &error))?;
    let missing = || Failure::permanent(MISSING_BLOB, format!("{key} is not there"));
    let staged = stage(key, reading.ok_or_else(missing)?, &*to, (expected, &|| {})).await?;
    let published = staged.writer.publish(Overwrite::Never).await;
    published.map_err(|error| failure(TARGET, &error))?;
    let back = digests_of((TARGET, &*to), key, expected, || {}).await?;
    if back.is_some_and(|(_, back)| back.sha256 == staged.digests.sha256) {
        return Ok(());
    }
    let why = format!("{key} does not read back as it was written");
    Err(Failure::permanent(TARGET_MISMATCH, why))
}
