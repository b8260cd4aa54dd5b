//! Migration spaces that are forgotten with the process: for tests and dry runs.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;

use super::registry::{MigrationSpaces, SpaceRow};
use crate::model::{CustomerDid, Failure, Reason, SpaceDid};

/// See the module.
#[derive(Debug, Default)]
pub struct InMemorySpaces {
    rows: Mutex<BTreeMap<CustomerDid, SpaceRow>>,
}

impl InMemorySpaces {
    /// Remembers nothing yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    fn change(
        &self,
        customer: &CustomerDid,
        space: &SpaceDid,
        change: impl FnOnce(&mut SpaceRow),
    ) -> Result<(), Failure> {
        let mut rows = self.rows();
        let row = rows.get_mut(customer).filter(|row| row.space == *space);
        let other = || {
            Failure::permanent(
                Reason::StateUnavailable,
                format!("{customer} has another migration space"),
            )
        };
        change(row.ok_or_else(other)?);
        Ok(())
    }

    fn rows(&self) -> std::sync::MutexGuard<'_, BTreeMap<CustomerDid, SpaceRow>> {
        self.rows.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl MigrationSpaces for InMemorySpaces {
    async fn get(&self, customer: &CustomerDid) -> Result<Option<SpaceRow>, Failure> {
        Ok(self.rows().get(customer).cloned())
    }

    async fn create(&self, customer: &CustomerDid, row: SpaceRow) -> Result<SpaceRow, Failure> {
        Ok(self.rows().entry(customer.clone()).or_insert(row).clone())
    }

    async fn mark_provisioned(
        &self,
        customer: &CustomerDid,
        space: &SpaceDid,
    ) -> Result<(), Failure> {
        self.change(customer, space, |row| row.provisioned = true)
    }

    async fn mark_delegated(
        &self,
        customer: &CustomerDid,
        space: &SpaceDid,
    ) -> Result<(), Failure> {
        self.change(customer, space, |row| row.delegated = true)
    }
}
