//! What a run leaves undone.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::model::{Counts, Failure, Reason, Settled, UnitId};
use crate::state::LeaseHolder;

/// What a run leaves undone.
#[derive(Debug, Default)]
pub(crate) struct Remaining {
    /// Units or items that were not settled.
    pub(crate) unfinished: u64,
    pub(crate) held: Vec<(UnitId, LeaseHolder)>,
    pub(crate) troubled: Vec<(UnitId, Failure)>,
    /// Units whose lease was lost.
    pub(crate) lost: u64,
    /// Items that were retried.
    pub(crate) retried: Counts,
    /// The bad ones of them, by reason.
    pub(crate) retried_reasons: BTreeMap<Reason, u64>,
    /// Why the items to retry could not all be read, if so.
    pub(crate) unread: Option<Failure>,
    /// Owners whose rows are not up to date.
    pub(crate) unsummed: BTreeMap<Arc<str>, Failure>,
}

impl Remaining {
    /// Adds another.
    pub(crate) fn add(&mut self, other: Self) {
        self.unfinished += other.unfinished;
        self.lost += other.lost;
        self.held.extend(other.held);
        self.troubled.extend(other.troubled);
        self.unsummed.extend(other.unsummed);
        self.retried = self.retried.plus(&other.retried);
        for (reason, count) in other.retried_reasons {
            *self.retried_reasons.entry(reason).or_default() += count;
        }
        self.unread = self.unread.take().or(other.unread);
    }

    /// Counts items of a retry that are bad again.
    pub(crate) fn settle_bad(&mut self, settled: Settled, reason: Reason, items: u64) {
        self.retried.settle_all(settled, items);
        *self.retried_reasons.entry(reason).or_default() += items;
    }

    /// Units and items without a final outcome.
    pub(crate) fn open(&self) -> u64 {
        let units = self.held.len() + self.troubled.len();
        self.unfinished + self.lost + units as u64 + u64::from(self.unread.is_some())
    }
}
