//! Who does what, as it comes out.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::piece::Load;

/// What one instance does for one owner.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Portion {
    /// The owner.
    pub owner: Arc<str>,
    /// Its units, in order.
    pub loads: Vec<Load>,
    /// Whether other instances have more units of this owner.
    pub part: bool,
}

impl Portion {
    /// Items of all units.
    #[must_use]
    pub fn items(&self) -> u64 {
        self.loads.iter().map(|load| load.items).sum()
    }
}

/// What one instance does.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Share {
    /// Owners in order.
    pub portions: Vec<Portion>,
}

impl Share {
    /// Items of all portions.
    #[must_use]
    pub fn items(&self) -> u64 {
        self.portions.iter().map(Portion::items).sum()
    }

    /// Units of all portions.
    #[must_use]
    pub fn units(&self) -> u64 {
        self.portions
            .iter()
            .map(|portion| portion.loads.len() as u64)
            .sum()
    }
}

/// Who does what; the first share is instance 1's.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Plan {
    /// One share per instance.
    pub shares: Vec<Share>,
}

impl Plan {
    /// Owners of all shares, each once.
    #[must_use]
    pub fn owners(&self) -> u64 {
        let portions = self.shares.iter().flat_map(|share| &share.portions);
        let owners: BTreeSet<&str> = portions.map(|portion| &*portion.owner).collect();
        owners.len() as u64
    }

    /// Distance between the largest and the smallest share in percent of the mean; 0 when there is nothing to do.
    #[must_use]
    pub fn spread_percent(&self) -> f64 {
        let items = self.shares.iter().map(Share::items);
        let (most, least) = (
            items.clone().max().unwrap_or(0),
            items.clone().min().unwrap_or(0),
        );
        let total: u64 = items.sum();
        if total == 0 {
            return 0.0;
        }
        #[expect(
            clippy::cast_precision_loss,
            reason = "counts of items are far below 2^52"
        )]
        let percent = (most - least) as f64 * 100.0 * self.shares.len() as f64 / total as f64;
        percent
    }
}
