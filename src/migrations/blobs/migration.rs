//! Items, probe and steps of the migration, as the engine asks for them.

use std::sync::Arc;

use async_trait::async_trait;
use futures::StreamExt as _;
use futures::stream::BoxStream;

use super::handle::{Backends, Blobs, Observation};
use super::item::Blob;
use super::jobs::NAME;
use super::reasons::{REASONS, UNREPRESENTABLE_KEY, failure};
use super::steps::{Copy, Verify};
use super::transfer::{SOURCE, TARGET};
use crate::engine::{Depth, Migration, Step, UnitContext};
use crate::model::{Failure, ItemId, ItemRange, MigrationName, Reason, Reasons, UnixMillis};

#[async_trait]
impl Migration for Blobs {
    type Item = Blob;
    type Observation = Observation;

    fn name(&self) -> MigrationName {
        MigrationName::new(NAME)
    }

    fn reasons(&self) -> Reasons {
        REASONS
    }

    fn steps(&self) -> Vec<Arc<dyn Step<Self>>> {
        let (copy, verify) = (
            Copy::between(&self.backends),
            Verify::between(&self.backends),
        );
        vec![Arc::new(copy), Arc::new(verify)]
    }

    fn item_id(&self, item: &Blob) -> ItemId {
        ItemId::new(&*item.key)
    }

    fn added_at(&self, item: &Blob) -> Option<UnixMillis> {
        item.modified
    }

    fn items<'a>(
        &'a self,
        unit: &'a UnitContext,
        within: ItemRange,
    ) -> BoxStream<'a, Result<Blob, Failure>> {
        let prefix = self.layout.prefix(&unit.id.name);
        let after = within.after.as_ref().map(ItemId::as_str);
        let blobs = self
            .backends
            .source
            .list(&prefix, after)
            .filter_map(|entry| async {
                match entry {
                    Ok(entry) => Blob::of(entry)
                        .filter(|blob| self.layout.holds(&blob.key))
                        .map(Ok),
                    Err(error) => Some(Err(failure(SOURCE, &error))),
                }
            });
        let until = blobs.take_while(move |blob| {
            let is_behind = |blob: &Blob| within.passes(&ItemId::new(&*blob.key));
            std::future::ready(!blob.as_ref().is_ok_and(is_behind))
        });
        until.boxed()
    }

    async fn item(&self, _: &UnitContext, id: &ItemId) -> Result<Blob, Failure> {
        let key = id.as_str();
        let head = self
            .backends
            .source
            .head(key)
            .await
            .map_err(|error| failure(SOURCE, &error))?;
        let head = head.ok_or_else(|| {
            Failure::permanent(Reason::NOT_FOUND, format!("{SOURCE}: {key} is not there"))
        })?;
        Ok(Blob {
            key: key.to_owned(),
            size: head.size,
            modified: None,
        })
    }

    async fn probe(&self, unit: &UnitContext, item: &Blob) -> Result<Observation, Failure> {
        let Backends { source, target } = &self.backends;
        if let Some(why) = target.refusal(&item.key) {
            let why = format!("{TARGET}: it cannot hold {:?}: {why}", item.key);
            return Err(Failure::permanent(UNREPRESENTABLE_KEY, why));
        }
        let there = target
            .head(&item.key)
            .await
            .map_err(|error| failure(TARGET, &error))?;
        let mut size = item.size;
        if there.as_ref().is_some_and(|head| head.size != size) {
            // It may have been written again since it was listed.
            let here = source
                .head(&item.key)
                .await
                .map_err(|error| failure(SOURCE, &error))?;
            size = here.map_or(size, |head| head.size);
        }
        let is_right = match unit.depth() {
            Depth::Bytes if there.is_some() => Some(self.is_right(&item.key).await?),
            _ => None,
        };
        Ok(Observation {
            target: there,
            size,
            is_right,
        })
    }
}
