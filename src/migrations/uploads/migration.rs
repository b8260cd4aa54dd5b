//! The migration as the engine sees it.

use std::sync::Arc;

use async_trait::async_trait;
use futures::stream::{self, BoxStream, StreamExt as _, TryStreamExt as _};

use super::deep;
use super::find::{Observation, probe};
use super::handle::Uploads;
use super::item::Upload;
use super::reasons::REASONS;
use super::rows::{CustomerRollup, NAME};
use super::steps::{steps, unit_steps};
use super::unit::space;
use crate::engine::{Depth, Migration, OwnerEffects, OwnerRollup, Step, UnitContext, UnitStep};
use crate::model::{Failure, ItemId, ItemRange, MigrationName, Reason, Reasons, UnixMillis};

#[async_trait]
impl Migration for Uploads {
    type Item = Upload;
    type Observation = Observation;

    fn name(&self) -> MigrationName {
        MigrationName::new(NAME)
    }

    fn reasons(&self) -> Reasons {
        REASONS
    }

    fn steps(&self) -> Vec<Arc<dyn Step<Self>>> {
        steps(&self.parts)
    }

    fn unit_steps(&self) -> Vec<Arc<dyn UnitStep>> {
        unit_steps(&self.parts)
    }

    fn owner_rollup(&self) -> Option<&dyn OwnerRollup> {
        Some(&CustomerRollup)
    }

    fn owner_effects(&self) -> Option<&dyn OwnerEffects> {
        Some(&self.parts.spaces)
    }

    fn item_id(&self, upload: &Upload) -> ItemId {
        upload.id()
    }

    fn added_at(&self, upload: &Upload) -> Option<UnixMillis> {
        upload.row.inserted_at
    }

    fn items<'a>(
        &'a self,
        unit: &'a UnitContext,
        within: ItemRange,
    ) -> BoxStream<'a, Result<Upload, Failure>> {
        let space = match space(unit) {
            Ok(space) => space,
            Err(failure) => return stream::once(async { Err(failure) }).boxed(),
        };
        let ItemRange { after, until } = within;
        let first = Some(after.map(|id| id.as_str().to_owned()));
        let pages = stream::try_unfold(first, move |state: Option<Option<String>>| {
            let (space, until) = (space.clone(), until.clone());
            async move {
                let Some(after) = state else {
                    return Ok::<_, Failure>(None);
                };
                let tables = &self.parts.services.tables;
                let until = until.as_ref().map(ItemId::as_str);
                let page = tables.uploads(&space, after.as_deref(), until).await?;
                Ok(Some((page.rows, page.next.map(Some))))
            }
        });
        pages
            .map_ok(|rows| stream::iter(rows.into_iter().map(|row| Ok(Upload { row }))))
            .try_flatten()
            .boxed()
    }

    async fn item(&self, unit: &UnitContext, id: &ItemId) -> Result<Upload, Failure> {
        let row = self
            .parts
            .services
            .tables
            .upload(&space(unit)?, id.as_str())
            .await?;
        let gone = || {
            Failure::permanent(
                Reason::NOT_FOUND,
                format!("space {} has no upload {id}", unit.id.name),
            )
        };
        Ok(Upload {
            row: row.ok_or_else(gone)?,
        })
    }

    async fn probe(&self, unit: &UnitContext, upload: &Upload) -> Result<Observation, Failure> {
        let mut observed = probe(&self.parts, unit, upload).await?;
        if unit.depth() == Depth::Bytes {
            deep::read(&self.parts, upload, &mut observed).await?;
        }
        Ok(observed)
    }
}
