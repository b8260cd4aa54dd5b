//! What a rollback would do, and what it did.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::Serialize;

use crate::engine::{Listed, MissingJournal, Refused};
use crate::model::{Ended, RunId, StateIdentity};

/// What a rollback would do.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct RollbackPlan {
    /// Effects that stay, by kind, and why.
    pub stays: Vec<Listed>,
    /// Effects that are undone, by kind, and what they leave.
    pub undone: Vec<Listed>,
    /// Units with something to undo.
    #[serde(rename = "spaces")]
    pub units: u64,
    /// Journals that are absent, cut or have a hole, and may tell of what is rolled back.
    pub missing: Vec<MissingJournal>,
    /// Units with migrated items that no available journal knows.
    pub unaccounted: Vec<UnaccountedUnit>,
    /// The journals that were read.
    pub journals: Vec<PathBuf>,
    /// The runs that they know, in order of time: id, effects, from when to when, instance, plan.
    pub runs: Vec<String>,
}

/// A unit with migrated items of which no journal says what was made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct UnaccountedUnit {
    /// Its owner.
    #[serde(rename = "customer")]
    pub owner: String,
    /// The unit.
    #[serde(rename = "space")]
    pub unit: String,
    /// How many items.
    #[serde(rename = "uploads")]
    pub items: u64,
}

/// What a rollback did.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct RollbackReport {
    /// Its id; `None` when nothing was to be done.
    pub run: Option<RunId>,
    /// How it ended.
    pub ended: Ended,
    /// Nothing was to be done.
    pub dry_run: bool,
    /// Of a dry run: as it is asked for, it would be refused, because journals are missing.
    pub would_be_refused: bool,
    /// The tables that it worked on.
    pub state: StateIdentity,
    /// What was said beforehand.
    pub plan: RollbackPlan,
    /// Effects that were undone, by kind.
    pub undone: BTreeMap<String, u64>,
    /// Effects that were gone already, or had not come to pass.
    pub gone: u64,
    /// Effects that made what others still need.
    pub kept: u64,
    /// Units of which nothing is left to undo.
    #[serde(rename = "spaces")]
    pub units: u64,
    /// Effects that could not be undone.
    pub failed: u64,
    /// The first of them.
    pub refused: Vec<Refused>,
    /// Wall time.
    pub seconds: f64,
    /// Files that it wrote.
    pub files: Vec<PathBuf>,
}
