//! Removing a stored index from the customer's migration space.

use std::sync::Arc;

use async_trait::async_trait;
use cid::Cid;

use crate::engine::{Undoer, UnitContext};
use crate::migrations::uploads::parts::Parts;
use crate::migrations::uploads::unit::customer;
use crate::model::{Effect, Failure, Reason, UnitId};
use crate::proto::did::Did;
use crate::proto::multihash::Multihash;

/// See the module.
pub(crate) struct RemoveIndex(pub Arc<Parts>);

#[async_trait]
impl Undoer for RemoveIndex {
    async fn exists(&self, _: &UnitContext, effect: &Effect) -> Result<bool, Failure> {
        let (space, index) = place(effect)?;
        Ok(self.0.services.tables.has_blob(&space, &index).await?)
    }

    async fn undo(&self, unit: &UnitContext, effect: &Effect) -> Result<(), Failure> {
        let (space, index) = place(effect)?;
        let key = self
            .0
            .spaces
            .key_of(&customer(unit)?, space.as_str())
            .await?;
        Ok(self.0.services.upload.remove_blob(&key, &index).await?)
    }

    /// Uploads of the same root and shards have the same index, and a customer one space for all of them.
    fn shared(&self, _: &UnitId, effect: &Effect) -> Option<String> {
        let space = effect.facts.get("space")?;
        Some(format!("{space} {}", effect.subject))
    }
}

fn place(effect: &Effect) -> Result<(Did, Multihash), Failure> {
    let malformed =
        |text: String| Failure::permanent(Reason::BAD_RECORD, format!("journal: {text}"));
    let space = effect
        .facts
        .get("space")
        .map(String::as_str)
        .unwrap_or_default();
    let space = Did::parse(space).map_err(|error| malformed(error.to_string()))?;
    let index = Cid::try_from(effect.subject.as_str());
    let index = index.map_err(|error| malformed(error.to_string()))?;
    Ok((space, Multihash::of(&index)))
}
