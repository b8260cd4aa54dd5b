//! `copy`: a blob that is not on the target, or has another length there.

use async_trait::async_trait;

use super::undo::{Uncopy, copied};
use crate::client::blobs::{Overwrite, Published};
use crate::engine::{Gap, Step, StepContext, Undoer, UnitContext};
use crate::migrations::blobs::handle::{Blobs, Observation};
use crate::migrations::blobs::reasons::{MISSING_BLOB, TARGET_OCCUPIED, failure};
use crate::migrations::blobs::transfer::{SOURCE, TARGET, stage};
use crate::migrations::blobs::{Backends, Blob, Digests};
use crate::model::{Effect, Failure, Reason, StepName};

/// Its name in rows, reports and filters.
pub const COPY: StepName = StepName::new("copy");

/// Writes a blob to the target, where it is shown whole or not at all.
pub(in crate::migrations::blobs) struct Copy(Uncopy);

impl Copy {
    /// What it wrote, a rollback removes from the target, if the source has it.
    #[must_use]
    pub(in crate::migrations::blobs) fn between(backends: &Backends) -> Self {
        Self(Uncopy(backends.clone()))
    }
}

/// Something else is on the target, and it was not said that it is to be replaced.
pub(super) fn occupied(key: &str, why: &str) -> Failure {
    Failure::permanent(
        TARGET_OCCUPIED,
        format!("{TARGET}: {key} is there already: {why}"),
    )
}

/// Writes the blob of an item to the target.
///
/// # Errors
/// It is not at the source or not what it should be; something else came there meanwhile; a backend failed.
pub(super) async fn write(
    context: &StepContext<'_, Blobs>,
    key: &str,
    overwrite: Overwrite,
) -> Result<(Effect, Digests), Failure> {
    let backends = &context.migration.backends;
    let reading = backends.source.read(key).await;
    let reading = reading.map_err(|error| failure(SOURCE, &error))?;
    let reading = reading
        .ok_or_else(|| Failure::permanent(MISSING_BLOB, format!("{SOURCE}: {key} is not there")))?;
    let expected = context.migration.expected(key);
    let beat = || context.heartbeat.beat();
    let staged = stage(key, reading, &*backends.target, (expected.as_ref(), &beat)).await?;
    let digests = staged.digests;
    let effect = copied(key, digests.size, &digests.sha256_hex(), &staged.identity);
    context.intend(&effect).await?;
    match staged.writer.publish(overwrite).await {
        Ok(Published::Done) => Ok((effect, digests)),
        Ok(Published::Occupied) => {
            let why = format!("{TARGET}: {key} was written by somebody else meanwhile");
            Err(Failure::transient(Reason::STATE_UNAVAILABLE, why))
        }
        Err(error) => Err(failure(TARGET, &error)),
    }
}

#[async_trait]
impl Step<Blobs> for Copy {
    fn name(&self) -> StepName {
        COPY
    }

    fn gaps(&self, _: &UnitContext, item: &Blob, seen: &Observation) -> Result<Vec<Gap>, Failure> {
        let gap = match &seen.target {
            None => Gap::missing(&*item.key, "it is not on the target").reading(Some(seen.size)),
            Some(head) if head.size != seen.size => {
                let why = format!(
                    "it has {} bytes on the target, and {} at the source",
                    head.size, seen.size
                );
                Gap::wrong(&*item.key, why).reading(Some(seen.size))
            }
            Some(_) if seen.is_right == Some(false) => {
                Gap::wrong(&*item.key, "it has other bytes on the target").reading(Some(seen.size))
            }
            Some(_) => return Ok(Vec::new()),
        };
        Ok(vec![gap])
    }

    async fn apply(&self, context: &StepContext<'_, Blobs>, gap: &Gap) -> Result<Effect, Failure> {
        let seen = context.observed.target.clone();
        if seen.is_some() && !context.migration.replace {
            return Err(occupied(&gap.subject, &gap.why));
        }
        let overwrite = seen.map_or(Overwrite::Never, |head| Overwrite::If(head.tag));
        let (effect, digests) = write(context, &gap.subject, overwrite).await?;
        context.migration.remember(&gap.subject, digests);
        Ok(effect)
    }

    fn undo(&self) -> Option<&dyn Undoer> {
        Some(&self.0)
    }
}
