//! Items that a failed step of their unit blocks: one row for all of them.
//!
//! The row of the unit has the failed step. Items that need it fail for the same reason. The first of them writes the
//! common row, and the release of the unit writes their number.

use std::collections::BTreeMap;

use crate::engine::Migration;
use crate::engine::item::End;
use crate::engine::lease::LeaseGuard;
use crate::model::{Class, FailedItem, Failure, ItemId, Reason, StepState, UnitProgress};
use crate::state::{FailedQuery, StateError};

use super::LeasedUnit;

/// The change to the row of all blocked items.
pub(super) enum KeptBack {
    /// Write this row.
    Some(Box<FailedItem>),
    /// Remove the row: nothing is blocked.
    Gone(ItemId),
}

/// Rows that are read at once.
const PAGE: u32 = 500;

/// The failures of steps that block items of the unit.
fn causes(progress: &UnitProgress) -> impl Iterator<Item = &Failure> {
    let steps = progress.steps.values();
    steps.filter_map(|record| match &record.state {
        StepState::Failed(failure) => Some(failure),
        _ => None,
    })
}

impl<M: Migration> LeasedUnit<M> {
    /// Whether an item failed because a step of its unit did.
    pub(super) fn is_of_unit(&self, failure: &Failure) -> bool {
        self.cause(failure).is_some()
    }

    /// Whether an item is blocked again that the common row of an earlier run covers.
    pub(crate) fn was_kept_back(&self, end: &End) -> bool {
        let of_unit = |failure: &Failure| self.is_of_unit(failure);
        let is_now = end.failure.as_ref().is_some_and(of_unit);
        is_now && self.failed_before.contains_key(&ItemId::all_of_unit())
    }

    fn cause(&self, failure: &Failure) -> Option<&Failure> {
        let step = failure.step.as_ref()?;
        match self.context.step(step) {
            Some(StepState::Failed(cause)) => Some(cause).filter(|cause| {
                failure.class == Class::Permanent && cause.reason == failure.reason
            }),
            _ => None,
        }
    }

    /// Writes the row of all blocked items, for the first of them.
    pub(super) async fn keep_back(
        &self,
        lease: &LeaseGuard,
        failure: &Failure,
    ) -> Result<(), StateError> {
        let written = self.kept_back.get_or_try_init(|| async {
            let cause = self.cause(failure).unwrap_or(failure).clone();
            let item = ItemId::all_of_unit();
            let before = self.failed_before.get(&item).copied();
            let mut failed = self.failed(item, cause, 1, before);
            failed.items = 0;
            lease.put_failed(&failed).await
        });
        written.await.map(drop)
    }

    /// The change to the row of all blocked items on release; `None` if there is none.
    pub(super) fn kept_back_now(&self) -> Option<KeptBack> {
        if self.id.part.is_some() || !self.run.keeps_records() {
            return None;
        }
        let progress = self.progress();
        let item = ItemId::all_of_unit();
        let before = self.failed_before.get(&item).copied();
        let counted = |cause: &&Failure| progress.reasons.contains_key(&cause.reason);
        match causes(&progress).find(counted) {
            Some(cause) => {
                let items = progress.reasons[&cause.reason];
                let failed = self.failed(item, cause.clone(), 1, before);
                Some(KeptBack::Some(Box::new(FailedItem { items, ..failed })))
            }
            None if before.is_some() && progress.status.is_ended() => Some(KeptBack::Gone(item)),
            None => None,
        }
    }

    /// Recounts the bad items from their rows, because after a crash the counters may be out of date. Fewer rows than
    /// counted items prove nothing. The items of a part are recounted with the unit.
    pub(crate) async fn recount(&self) -> Result<(), Failure> {
        if self.lease.is_none() || self.id.part.is_some() {
            return Ok(());
        }
        let mut rows = self.count_rows().await.map_err(|error| error.failure())?;
        self.lock().change(|progress| {
            for cause in causes(progress) {
                let own: u64 = rows
                    .iter()
                    .filter(|((_, reason), _)| *reason == cause.reason)
                    .map(|(_, number)| number)
                    .sum();
                let all = progress.reasons.get(&cause.reason).copied();
                let kept_back = all.unwrap_or(0).saturating_sub(own);
                *rows.entry((cause.class, cause.reason)).or_default() += kept_back;
            }
            if rows.values().sum::<u64>() >= progress.counts.bad() {
                let rows = rows.iter();
                progress.set_bad(rows.map(|((class, reason), number)| (*class, *reason, *number)));
            }
        });
        Ok(())
    }

    /// Rows of single items of the unit, by class and reason.
    async fn count_rows(&self) -> Result<BTreeMap<(Class, Reason), u64>, StateError> {
        let query = FailedQuery::unit(&self.context.id);
        let (mut rows, mut after) = (BTreeMap::new(), None);
        loop {
            let page = self
                .run
                .store
                .failed_page(&query, after, Some(PAGE))
                .await?;
            for failed in page.items.iter().filter(|one| !one.item.is_all_of_unit()) {
                let kind = (failed.failure.class, failed.failure.reason);
                *rows.entry(kind).or_default() += 1;
            }
            after = page.next;
            if after.is_none() {
                return Ok(rows);
            }
        }
    }
}
