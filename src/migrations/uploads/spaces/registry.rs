//! Where migration spaces are remembered. The composition root implements it over shared state.

use std::fmt;

use async_trait::async_trait;

use crate::model::{CustomerDid, Failure, SpaceDid, SpaceMark};

/// A customer's migration space as it is remembered.
#[derive(Clone, PartialEq, Eq)]
pub struct SpaceRow {
    /// The space.
    pub space: SpaceDid,
    /// `Migrated Indexes - <customer>`.
    pub name: String,
    /// The sealed key as envelope text; `None` in a row that lost its key.
    pub sealed_key: Option<String>,
    /// Whether consumer and subscription rows are written.
    pub provisioned: bool,
    /// Whether the customer's account has its delegation, and it is stored.
    pub delegated: bool,
    /// Whether this migration created it; else the existing tool did.
    pub ours: bool,
}

/// The key stays out of every text.
impl fmt::Debug for SpaceRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SpaceRow")
            .field("space", &self.space)
            .field("provisioned", &self.provisioned)
            .field("delegated", &self.delegated)
            .finish_non_exhaustive()
    }
}

/// The memory of all customers' migration spaces, shared by every process.
///
/// Contract: [`MigrationSpaces::create`] never replaces a row; of any number of callers at once one wins, and all get
/// the winner's row (docs/protocol/pitfalls.md 33). No write ever changes a key.
#[async_trait]
pub trait MigrationSpaces: Send + Sync {
    /// The customer's space, if it has one.
    async fn get(&self, customer: &CustomerDid) -> Result<Option<SpaceRow>, Failure>;

    /// Stores `row` unless the customer has one; gives the one that is stored afterwards.
    async fn create(&self, customer: &CustomerDid, row: SpaceRow) -> Result<SpaceRow, Failure>;

    /// Notes how far the space is made. Fails if the customer's space is another one.
    async fn mark(
        &self,
        customer: &CustomerDid,
        space: &SpaceDid,
        mark: SpaceMark,
    ) -> Result<(), Failure>;
}
