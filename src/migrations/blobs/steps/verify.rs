//! `verify`: every blob is read back from the target and hashed, whoever wrote it, before it counts as done.
//!
//! Nothing below repeats a call: a layer that did might store what was refused here. Nothing but the settled item records
//! that it was read back; with cursor, row and file lost, it is read again.

use async_trait::async_trait;

use super::copy::{occupied, write};
use super::undo::Uncopy;
use crate::client::blobs::{Head, Overwrite};
use crate::engine::{Depth, Gap, Step, StepContext, Undoer, UnitContext};
use crate::migrations::blobs::handle::{Blobs, Observation};
use crate::migrations::blobs::reasons::{MISSING_BLOB, TARGET_MISMATCH, failure};
use crate::migrations::blobs::transfer::{SOURCE, TARGET, digests_of};
use crate::migrations::blobs::{Backends, Blob, Digests};
use crate::model::{Effect, Failure, Reason, StepName};

/// Its name in rows, reports and filters.
pub const VERIFY: StepName = StepName::new("verify");

/// Reads a blob back. What is wrong is written again once.
pub(in crate::migrations::blobs) struct Verify(Uncopy);

/// What was read back.
struct ReadBack {
    head: Head,
    digests: Digests,
    is_right: bool,
}

impl Verify {
    /// What it wrote, a rollback removes from the target, if the source has it.
    #[must_use]
    pub(in crate::migrations::blobs) fn between(backends: &Backends) -> Self {
        Self(Uncopy(backends.clone()))
    }
}

/// Reads a blob at the target, and holds it against what it should be: the expected digest, else what was written
/// (`written`), else the source.
async fn read_back(
    context: &StepContext<'_, Blobs>,
    key: &str,
    written: Option<Digests>,
) -> Result<ReadBack, Failure> {
    let (migration, beat) = (context.migration, || context.heartbeat.beat());
    let expected = migration.expected(key);
    let target = (TARGET, &*migration.backends.target);
    let read = digests_of(target, key, expected.as_ref(), beat).await?;
    let Some((head, digests)) = read else {
        let why = format!("{TARGET}: {key} was there and is not any more");
        return Err(Failure::transient(Reason::NOT_VISIBLE_YET, why));
    };
    let is_right = match (&expected, written) {
        (Some(expected), _) => digests.are(expected),
        (None, Some(written)) => digests.sha256 == written.sha256,
        (None, None) => {
            let source = (SOURCE, &*migration.backends.source);
            let Some((_, here)) = digests_of(source, key, None, beat).await? else {
                let why = format!(
                    "{SOURCE}: {key} is not there, and its key names no digest to hold the target against"
                );
                return Err(Failure::permanent(MISSING_BLOB, why));
            };
            digests.sha256 == here.sha256
        }
    };
    Ok(ReadBack {
        head,
        digests,
        is_right,
    })
}

/// Takes bytes off the target that it does not keep as they were written.
async fn mismatch(context: &StepContext<'_, Blobs>, key: &str, wrong: &ReadBack) -> Failure {
    let target = &context.migration.backends.target;
    let removed = target.remove(key, &wrong.head.identity).await;
    let removed = match removed {
        Ok(_) => "it was removed".to_owned(),
        Err(error) => format!("it could not be removed: {}", failure(TARGET, &error)),
    };
    let found = wrong.digests.sha256_hex();
    let why = format!(
        "{TARGET}: {key} reads back as {found} (SHA-256) after it was written twice; {removed}"
    );
    Failure::permanent(TARGET_MISMATCH, why)
}

#[async_trait]
impl Step<Blobs> for Verify {
    fn name(&self) -> StepName {
        VERIFY
    }

    fn gaps(&self, unit: &UnitContext, item: &Blob, _: &Observation) -> Result<Vec<Gap>, Failure> {
        // An audit reads by itself, as deep as it is asked to.
        Ok(match unit.depth() {
            Depth::Records => {
                vec![Gap::unseen(&*item.key, "it was not read back").reading(Some(item.size))]
            }
            Depth::Presence | Depth::Bytes => Vec::new(),
        })
    }

    async fn apply(&self, context: &StepContext<'_, Blobs>, gap: &Gap) -> Result<Effect, Failure> {
        let key = &*gap.subject;
        let written = context.migration.recall(key);
        let may_replace = written.is_some() || context.migration.replace;
        let first = read_back(context, key, written).await?;
        if first.is_right {
            return Ok(Effect::new("blob-verified", key).fact("sha256", first.digests.sha256_hex()));
        }
        if !may_replace {
            return Err(occupied(key, "it has other bytes"));
        }
        let over = Overwrite::If(first.head.tag.clone());
        let (effect, written) = write(context, key, over).await?;
        let second = read_back(context, key, Some(written)).await?;
        if second.is_right {
            return Ok(effect);
        }
        Err(mismatch(context, key, &second).await)
    }

    fn undo(&self) -> Option<&dyn Undoer> {
        Some(&self.0)
    }
}
