//! What reports say of uploads alone.

use std::path::PathBuf;

use serde::Serialize;

use crate::app::reports::{self, PlanReport};
use crate::migrations::uploads::reasons::{GATEWAY_NOT_AUTHORIZED, REASONS};
use crate::model::StateIdentity;

/// What a run over uploads did.
pub type RunReport = reports::RunReport<RunFindings>;

/// What a run says of uploads beside what every run says.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct RunFindings {
    /// Spaces whose claims a dry run did not check: the gateway has to be authorised first.
    pub withheld_spaces: u64,
    /// Spaces that a dry run did not check: they have ended, and a run leaves them alone.
    pub ended_spaces: u64,
    /// Blocks that this run indexed unchecked, because their hash functions are not computed here
    /// (`--unverified-hashes index`).
    pub unverified_blocks: u64,
    /// What the existing tool had left, and what became of it; of the spaces the first thousand.
    pub differences: Vec<LegacyFinding>,
}

impl RunReport {
    /// Whether uploads were withheld because the gateway may not serve their space yet.
    #[must_use]
    pub fn lacks_gateway(&self) -> bool {
        self.failures.contains_key(&GATEWAY_NOT_AUTHORIZED)
    }
}

/// What an operator does first when the gateway may not serve a space yet.
#[must_use]
pub fn gateway_first() -> &'static str {
    REASONS.advice(GATEWAY_NOT_AUTHORIZED)
}

/// Something that the existing tool left otherwise than it should be, or than its own numbers say.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LegacyFinding {
    /// The customer.
    pub customer: String,
    /// The space; none for what is the customer's as a whole.
    pub space: Option<String>,
    /// What was found.
    pub found: String,
    /// What became of it.
    pub done: String,
    /// Somebody has to look at it: no run of ours can put it right.
    pub needs_a_look: bool,
}

/// What `setup` counted and distributed.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SetupReport {
    /// The plan.
    pub plan: PlanReport,
    /// The tables that it is for.
    pub state: StateIdentity,
    /// Customers found.
    pub customers: u64,
    /// Spaces found.
    pub spaces: u64,
    /// Uploads counted.
    pub uploads: u64,
    /// One share per instance.
    pub instances: Vec<SetupShare>,
    /// Largest minus smallest load, in percent of the mean.
    pub spread_percent: f64,
    /// What was left out or looks odd: rows without customers, skipped customers.
    pub notes: Vec<String>,
    /// What the existing tool had left, and what a run will do about it.
    pub differences: Vec<LegacyFinding>,
    /// Nothing was written (`--analyze`).
    pub analyzed_only: bool,
}

/// The share of one instance.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SetupShare {
    /// Number of the instance.
    pub instance: u32,
    /// Its customers.
    pub customers: u64,
    /// Its spaces.
    pub spaces: u64,
    /// Its uploads.
    pub uploads: u64,
    /// Its customers file; `None` when nothing was written.
    pub file: Option<PathBuf>,
}
