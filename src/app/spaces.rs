//! The registry of migration spaces, over shared state.

use async_trait::async_trait;

use crate::migrations::uploads::{MigrationSpaces, SpaceRow};
use crate::model::{CustomerDid, Failure, Reason, SpaceDid, SpaceMark};
use crate::state::{MigrationSpace, SpaceStatus, Store};

/// The migration-spaces table as the uploads migration wants it.
pub(super) struct StoredSpaces(pub(super) Store);

#[async_trait]
impl MigrationSpaces for StoredSpaces {
    async fn get(&self, customer: &CustomerDid) -> Result<Option<SpaceRow>, Failure> {
        let stored = self.0.migration_space(customer).await;
        Ok(stored.map_err(|error| error.failure())?.map(row))
    }

    async fn create(&self, customer: &CustomerDid, wanted: SpaceRow) -> Result<SpaceRow, Failure> {
        let status = if wanted.provisioned {
            SpaceStatus::Provisioned
        } else {
            SpaceStatus::Active
        };
        let space = MigrationSpace {
            customer: customer.clone(),
            space: wanted.space,
            name: wanted.name,
            sealed_key: wanted.sealed_key,
            status,
            delegated: wanted.delegated,
            ours: wanted.ours,
        };
        let stored = self.0.create_migration_space(&space).await;
        Ok(row(stored.map_err(|error| error.failure())?.into_space()))
    }

    async fn mark(
        &self,
        customer: &CustomerDid,
        space: &SpaceDid,
        mark: SpaceMark,
    ) -> Result<(), Failure> {
        let marked = self.0.mark_space(customer, space, mark).await;
        same(marked.map_err(|error| error.failure())?, customer, space)
    }
}

fn row(stored: MigrationSpace) -> SpaceRow {
    SpaceRow {
        space: stored.space,
        name: stored.name,
        sealed_key: stored.sealed_key,
        provisioned: stored.status == SpaceStatus::Provisioned,
        delegated: stored.delegated,
        ours: stored.ours,
    }
}

/// A mark that found another space in the row is a row that somebody replaced.
fn same(marked: bool, customer: &CustomerDid, space: &SpaceDid) -> Result<(), Failure> {
    if marked {
        return Ok(());
    }
    Err(Failure::permanent(
        Reason::BadRecord,
        format!("the migration space of {customer} is not {space} any more"),
    ))
}
