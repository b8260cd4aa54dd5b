//! Migration spaces that are forgotten with the process: for tests and dry runs.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;

use super::registry::{MigrationSpaces, SpaceRow};
use crate::model::{CustomerDid, Failure, Reason, SpaceDid, SpaceMark};

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

    async fn mark(
        &self,
        customer: &CustomerDid,
        space: &SpaceDid,
        mark: SpaceMark,
    ) -> Result<(), Failure> {
        let mut rows = self.rows();
        let row = rows.get_mut(customer).filter(|row| row.space == *space);
        let other = || {
            Failure::permanent(
                Reason::StateUnavailable,
                format!("{customer} has another migration space"),
            )
        };
        let row = row.ok_or_else(other)?;
        match mark {
            SpaceMark::Provisioned(is) => row.provisioned = is,
            SpaceMark::Delegated(is) => row.delegated = is,
        }
        Ok(())
    }
}
