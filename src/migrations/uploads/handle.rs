//! The migration as its callers hold it.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::decide::Review;
use super::find::Observation;
use super::item::Upload;
use super::parts::{Parts, Settings};
use super::rows::CustomerTables;
use super::sample::{Sample, sample};
use crate::client::{Config, Services};
use crate::engine::{Clock, ServiceRegistry};
use crate::model::Failure;
use crate::proto::CustomerDid;
use crate::proto::did::Did;

/// The uploads migration; cheap to clone.
#[derive(Clone)]
pub struct Uploads {
    pub(super) parts: Arc<Parts>,
}

impl Uploads {
    /// Connects to the services of the network. Reads the list of storage nodes and changes nothing.
    ///
    /// # Errors
    /// A client cannot be made, or the table of storage nodes cannot be read.
    pub async fn connect(
        config: &Config,
        clock: Clock,
        dependencies: ServiceRegistry,
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
    ///
    /// # Errors
    /// Its row cannot be read or its key opened, or a table, bucket or service refuses what is left to do.
    pub async fn finish_space(&self, customer: &CustomerDid, clock: &Clock) -> Result<(), Failure> {
        self.parts.spaces.ensure(customer, clock).await.map(drop)
    }

    /// Judges an upload of a unit by what was seen of it.
    #[must_use]
    pub fn review(&self, upload: &Upload, observed: &Observation) -> Review {
        Review::of(observed, &self.parts.trust, &upload.row.space)
    }
}
