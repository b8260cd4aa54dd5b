//! Taking a copy off the target again.

use async_trait::async_trait;

use crate::client::blobs::{Identity, Removed};
use crate::engine::{Undoer, UnitContext};
use crate::migrations::blobs::Backends;
use crate::migrations::blobs::reasons::{ONLY_COPY, failure};
use crate::migrations::blobs::transfer::{SOURCE, TARGET, digests_of};
use crate::model::{Effect, Failure};

/// The kind of effect that puts a blob on the target.
pub(super) const COPIED: &str = "blob-copied";

/// By what the blob is known as ours.
const IDENTITY: &str = "identity";

/// Removes copies of what the source has, and nothing that somebody else wrote.
pub(super) struct Uncopy(pub(super) Backends);

/// The effect of a copy that is about to be shown.
pub(super) fn copied(key: &str, size: u64, sha256: &str, identity: &Identity) -> Effect {
    Effect::new(COPIED, key)
        .reversible()
        .fact("size", size.to_string())
        .fact("sha256", sha256)
        .fact(IDENTITY, &*identity.0)
}

fn identity(effect: &Effect) -> Option<Identity> {
    effect.facts.get(IDENTITY).cloned().map(Identity)
}

#[async_trait]
impl Undoer for Uncopy {
    async fn exists(&self, _: &UnitContext, effect: &Effect) -> Result<bool, Failure> {
        let head = self.0.target.head(&effect.subject).await;
        let head = head.map_err(|error| failure(TARGET, &error))?;
        let ours = identity(effect);
        Ok(head.is_some_and(|head| Some(head.identity) == ours))
    }

    async fn undo(&self, _: &UnitContext, effect: &Effect) -> Result<(), Failure> {
        let Some(ours) = identity(effect) else {
            return Ok(());
        };
        let key = &*effect.subject;
        let Backends { source, target } = &self.0;
        let copy = digests_of((TARGET, &**target), key, None, || {}).await?;
        let kept = digests_of((SOURCE, &**source), key, None, || {}).await?;
        let (Some((_, copy)), Some((_, kept))) = (&copy, &kept) else {
            return Err(only_copy(key));
        };
        if copy.sha256 != kept.sha256 {
            return Err(only_copy(key));
        }
        match target.remove(key, &ours).await {
            Ok(Removed::Done | Removed::Absent | Removed::Foreign) => Ok(()),
            Err(error) => Err(failure(TARGET, &error)),
        }
    }
}

fn only_copy(key: &str) -> Failure {
    let why = format!("{TARGET}: {key} stays: the source has not these bytes");
    Failure::permanent(ONLY_COPY, why)
}
