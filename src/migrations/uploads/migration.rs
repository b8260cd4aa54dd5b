//! The migration as the engine sees it.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use async_trait::async_trait;
use futures::stream::{self, BoxStream, StreamExt as _, TryStreamExt as _};

use super::decide::Review;
use super::deep;
use super::find::{Seen, look};
use super::item::Upload;
use super::parts::{Parts, Settings};
use super::reasons::REASONS;
use super::rows::{CustomerRollup, CustomerTables, NAME};
use super::sample::{Sample, sample};
use super::steps::{AuthorizeGateway, RegisterIndex, RepublishLocation, StoreIndex};
use crate::client::{Config, Services};
use crate::engine::{
    Clock, Dependencies, Depth, Migration, OwnerEffects, OwnerRollup, Step, UnitContext, UnitStep,
};
use crate::model::{Between, CustomerDid, Failure, ItemId, MigrationName, Reason, Reasons};
use crate::proto::did::Did;

/// The uploads migration; cheap to clone.
#[derive(Clone)]
pub struct Uploads {
    pub(super) parts: Arc<Parts>,
}

impl Uploads {
    /// Connects to the services of the network. Reads the list of storage nodes and changes nothing.
    pub async fn connect(
        config: &Config,
        clock: Clock,
        dependencies: Dependencies,
        rows: CustomerTables,
        settings: Settings,
    ) -> Result<Self, Failure> {
        let parts = Parts::connect(config, clock, dependencies, rows, settings).await?;
        Ok(Self {
            parts: Arc::new(parts),
        })
    }

    /// The clients in use.
    #[must_use]
    pub fn services(&self) -> &Services {
        &self.parts.services
    }

    /// Looks at the first upload of a space, to see whether the settings name the place where it lies. Changes nothing;
    /// what could not be asked is no finding.
    pub async fn sample(&self, space: &Did) -> Sample {
        sample(&self.parts.services, space).await
    }

    /// Blocks that were indexed without a check since it was connected ([`Settings::index_unverified`]).
    #[must_use]
    pub fn unverified_blocks(&self) -> u64 {
        self.parts.unverified.load(Ordering::Relaxed)
    }

    /// Finishes the migration space of a customer who has one: whatever an earlier run left undone of it
    /// (docs/protocol/pitfalls.md 34-37). Of a space that is ready nothing changes.
    pub async fn finish_space(&self, customer: &CustomerDid, clock: &Clock) -> Result<(), Failure> {
        self.parts.spaces.ensure(customer, clock).await.map(drop)
    }

    /// Judges an upload of a unit by what was seen of it.
    #[must_use]
    pub fn review(&self, upload: &Upload, seen: &Seen) -> Review {
        Review::of(seen, &self.parts.trust, &upload.row.space)
    }
}

#[async_trait]
impl Migration for Uploads {
    type Item = Upload;
    type Seen = Seen;

    fn name(&self) -> MigrationName {
        MigrationName::new(NAME)
    }

    fn reasons(&self) -> Reasons {
        REASONS
    }

    fn steps(&self) -> Vec<Arc<dyn Step<Self>>> {
        vec![
            Arc::new(StoreIndex::new(&self.parts)),
            Arc::new(RegisterIndex::new(&self.parts)),
            Arc::new(RepublishLocation(Arc::clone(&self.parts))),
        ]
    }

    fn unit_steps(&self) -> Vec<Arc<dyn UnitStep>> {
        vec![Arc::new(AuthorizeGateway(Arc::clone(&self.parts)))]
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

    fn added_at(&self, upload: &Upload) -> Option<u64> {
        upload.row.inserted_at
    }

    fn items<'a>(
        &'a self,
        unit: &'a UnitContext,
        within: Between,
    ) -> BoxStream<'a, Result<Upload, Failure>> {
        let space = match space(unit) {
            Ok(space) => space,
            Err(failure) => return stream::once(async { Err(failure) }).boxed(),
        };
        let Between { after, until } = within;
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

    async fn probe(&self, unit: &UnitContext, upload: &Upload) -> Result<Seen, Failure> {
        let mut seen = look(&self.parts, unit, upload).await?;
        if unit.depth() == Depth::Bytes {
            deep::read(&self.parts, upload, &mut seen).await?;
        }
        Ok(seen)
    }
}

fn space(unit: &UnitContext) -> Result<Did, Failure> {
    Did::parse(&unit.id.name)
        .map_err(|error| Failure::permanent(Reason::BAD_RECORD, error.to_string()))
}
