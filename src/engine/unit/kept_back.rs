//! Items that one cause of their unit keeps back: one row for all of them, however many there are.
//!
//! A step of the unit that failed for good is in the unit's row; items that need it fail for the same reason. The first
//! of them writes the row, whoever holds the unit counts them when it gives it back.

use std::collections::BTreeMap;

use crate::engine::Migration;
use crate::engine::item::End;
use crate::engine::lease::LeaseGuard;
use crate::model::{Class, FailedItem, Failure, ItemId, Reason, StepState, UnitProgress};
use crate::state::{FailedQuery, StateError};

use super::LeasedUnit;

/// What becomes of the row of all items that are kept back.
pub(super) enum KeptBack {
    /// It is this.
    Some(Box<FailedItem>),
    /// Nothing is kept back any more: it is removed.
    Gone(ItemId),
}

/// Rows that are read at once.
const PAGE: u32 = 500;

/// Why items of the unit are kept back: its steps that failed for good.
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

    /// Whether an item is kept back again that a row of earlier runs tells of with others.
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

    /// Writes the row of all that are kept back, for the first of them.
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

    /// What the row of all that are kept back has to say when the unit is given back; none if nothing changes.
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

    /// Counts the bad items by their rows: a crash may have come between the counters and the rows, and rows are the
    /// last to go. Fewer rows than were counted are no proof that the others are good. Those of a part are counted with
    /// the unit.
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
