//! Taking a copy off the target again.

use std::sync::Arc;

use async_trait::async_trait;

use crate::client::blobs::{Backend, Identity, Removed};
use crate::engine::{Undoer, UnitContext};
use crate::migrations::blobs::reasons::failure;
use crate::migrations::blobs::transfer::TARGET;
use crate::model::{Effect, Failure};

/// The kind of effect that puts a blob on the target.
pub(super) const COPIED: &str = "blob-copied";

/// By what the blob is known as ours.
const IDENTITY: &str = "identity";

/// Removes copies, and nothing that somebody else wrote.
pub(super) struct Uncopy(pub(super) Arc<dyn Backend>);

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
        let head = self.0.head(&effect.subject).await;
        let head = head.map_err(|error| failure(TARGET, &error))?;
        let ours = identity(effect);
        Ok(head.is_some_and(|head| Some(head.identity) == ours))
    }

    async fn undo(&self, _: &UnitContext, effect: &Effect) -> Result<(), Failure> {
        let Some(ours) = identity(effect) else {
            return Ok(());
        };
        match self.0.remove(&effect.subject, &ours).await {
            Ok(Removed::Done | Removed::Absent | Removed::Foreign) => Ok(()),
            Err(error) => Err(failure(TARGET, &error)),
        }
    }
}
