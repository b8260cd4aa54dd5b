//! What a plan is: who made it, when, of what size.

use serde::{Deserialize, Serialize};

use super::{Noun, PlanId, UnixMillis, Vocabulary};

const INSTANCE: Noun = Noun::new("instance", "instances");

/// A plan of `setup` as the shared state knows it. What it gives to whom is in the rows of units.
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
    /// Owners, each once.
    pub owners: u64,
    /// Units of all shares.
    pub units: u64,
    /// Items of all shares, as they were counted.
    pub items: u64,
    /// One per instance, the first is instance 1's.
    pub shares: Vec<ShareSize>,
}

/// How much one instance was given.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ShareSize {
    /// Owners, those whose units are split among them.
    pub owners: u64,
    /// Units.
    pub units: u64,
    /// Items.
    pub items: u64,
}

impl PlanSummary {
    /// The plan in one line, in the words of its migration.
    #[must_use]
    pub fn line(&self, words: &Vocabulary) -> String {
        format!(
            "plan {}: {}, {}, {}, {} ({})",
            self.id.short(),
            INSTANCE.count(self.shares.len() as u64),
            words.owner.count(self.owners),
            words.unit.count(self.units),
            words.item.count(self.items),
            self.shaped_by
        )
    }
}
