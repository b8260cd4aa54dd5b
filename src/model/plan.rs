//! What is told of a plan: who made it, when, of what size.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::counts::count;
use super::{PlanId, UnixMillis};

/// A plan of `setup` as the shared state knows it. What it gives to whom is in the customers files and in the rows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlanSummary {
    /// Digest of who does what: the same for the same distribution, whenever it is made.
    pub id: PlanId,
    /// When it came into force.
    pub made_at: UnixMillis,
    /// Who made it, as `user@host`.
    pub made_by: String,
    /// The flags of `setup` that shaped it.
    pub shaped_by: String,
    /// Customers, each once.
    pub customers: u64,
    /// Spaces of all shares.
    pub spaces: u64,
    /// Uploads of all shares, as they were counted.
    pub uploads: u64,
    /// One per instance, the first is instance 1's.
    pub shares: Vec<ShareSize>,
}

/// How much one instance was given.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ShareSize {
    /// Customers, those that are split among them.
    pub customers: u64,
    /// Spaces.
    pub spaces: u64,
    /// Uploads.
    pub uploads: u64,
}

impl fmt::Display for PlanSummary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "plan {}: {}, {}, {}, {} ({})",
            self.id.short(),
            count(self.shares.len() as u64, "instance"),
            count(self.customers, "customer"),
            count(self.spaces, "space"),
            count(self.uploads, "upload"),
            self.shaped_by
        )
    }
}
