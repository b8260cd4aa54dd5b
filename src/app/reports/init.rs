//! What `init` found and made.

use serde::Serialize;

use crate::model::StateIdentity;

/// What `init` found and made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct InitReport {
    /// Nothing was made: `created` says what would be.
    pub dry_run: bool,
    /// Which tables these are; `None` after a dry run.
    pub state: Option<StateIdentity>,
    /// Table name and whether it was made now.
    pub tables: Vec<InitTable>,
}

/// One table of `init`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct InitTable {
    /// Name.
    pub table: String,
    /// Made by this call; otherwise it was there.
    pub created: bool,
    /// Indexes that it lacks: it was made from an older definition.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub missing_indexes: Vec<String>,
}
