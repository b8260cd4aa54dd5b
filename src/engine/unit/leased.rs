//! A leased unit: renews its lease, and records the final outcome of its items.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{OnceCell, OwnedSemaphorePermit};
use tokio_util::sync::CancellationToken;

use crate::engine::item::End;
use crate::engine::lease::{LeaseGuard, SaveError};
use crate::engine::record::{ItemLine, ItemSeq, Tracker};
use crate::engine::shared::Shared;
use crate::engine::{Migration, UnitContext};
use crate::model::{
    Epoch, Event, FailedItem, Failure, Fence, InstanceId, ItemId, ItemRange, Reason, Settled,
    UnitId, UnitProgress, UnixMillis,
};
use crate::runtime::{Instant, StopLevel};
use crate::state;

/// A unit that this process works on. Clones share everything.
pub(crate) struct LeasedUnit<M: Migration> {
    pub(crate) run: Arc<Shared<M>>,
    /// What is leased: the unit, or a part of it.
    pub(crate) id: UnitId,
    /// The unit, as steps see it.
    pub(crate) context: UnitContext,
    /// The items that are leased.
    pub(crate) within: ItemRange,
    pub(crate) tracker: Arc<Mutex<Tracker>>,
    /// The lease; `None` if no records are kept.
    pub(crate) lease: Option<Arc<LeaseGuard>>,
    /// The epoch of the lease, or of the last lease before.
    pub(crate) epoch: Epoch,
    /// Stops the work on this unit alone.
    pub(crate) token: CancellationToken,
    /// How many items the plan of this run gives it.
    pub(crate) announced: u64,
    /// The instance that the unit belongs to, if it was taken to help.
    pub(crate) helping: Option<InstanceId>,
    /// Items that failed in earlier runs.
    pub(crate) failed_before: Arc<BTreeMap<ItemId, Before>>,
    /// Set once the row of all blocked items is written.
    pub(crate) kept_back: Arc<OnceCell<()>>,
}

/// What is kept in memory of an earlier failure. Small, because a unit may have many.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Before {
    pub(crate) attempts: u32,
    /// When it first failed.
    pub(crate) first_at: UnixMillis,
    pub(crate) settled: Settled,
    pub(crate) reason: Reason,
}

impl From<&FailedItem> for Before {
    fn from(failed: &FailedItem) -> Self {
        Self {
            attempts: failed.attempts,
            first_at: failed.first_at,
            settled: Settled::by_class(failed.failure.class),
            reason: failed.failure.reason,
        }
    }
}

impl<M: Migration> Clone for LeasedUnit<M> {
    fn clone(&self) -> Self {
        Self {
            run: Arc::clone(&self.run),
            id: self.id.clone(),
            within: self.within.clone(),
            context: self.context.clone(),
            tracker: Arc::clone(&self.tracker),
            lease: self.lease.clone(),
            epoch: self.epoch,
            token: self.token.clone(),
            announced: self.announced,
            helping: self.helping.clone(),
            failed_before: Arc::clone(&self.failed_before),
            kept_back: Arc::clone(&self.kept_back),
        }
    }
}

impl<M: Migration> LeasedUnit<M> {
    pub(crate) fn lock(&self) -> MutexGuard<'_, Tracker> {
        self.tracker.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Does `work` and renews the lease meanwhile. The work ends by itself when the lease is lost.
    pub(crate) async fn while_renewing<T>(&self, work: impl Future<Output = T>) -> T {
        let Some(lease) = &self.lease else {
            return work.await;
        };
        let mut work = std::pin::pin!(work);
        tokio::select! {
            biased;
            done = &mut work => done,
            () = self.renew_until_lost(lease) => work.await,
        }
    }

    /// Renews the lease until it is lost, and writes the row with it if that changed. No limit delays these writes.
    pub(crate) async fn renew_until_lost(&self, lease: &LeaseGuard) {
        loop {
            tokio::time::sleep(lease.term() / 6).await;
            let until = lease.trusted_until();
            let changed = self.lock().take_changed();
            let written = async {
                if changed {
                    lease.save(self.durable_progress()).await
                } else {
                    lease.renew().await
                }
            };
            match tokio::time::timeout_at(until, written).await {
                Ok(Ok(())) => {}
                Ok(Err(SaveError::Lost)) => break,
                Err(_) => {
                    tracing::warn!(unit = %self.id, "lease not renewed in time: it is no longer trusted");
                    break;
                }
                // Repeated at the next beat, while the lease is trusted.
                Ok(Err(SaveError::State(error))) => {
                    if changed {
                        self.lock().keep_changed();
                    }
                    tracing::warn!(unit = %self.id, %error, "lease not renewed");
                }
            }
        }
        lease.give_up();
    }

    /// Fails if the unit has a lease and it is no longer trusted.
    pub(crate) fn check_lease(&self) -> Result<(), Failure> {
        self.lease.as_ref().map_or(Ok(()), |lease| lease.check())
    }

    /// Orders journal lines that are written now among those of other holders.
    pub(crate) fn fence(&self) -> Fence {
        Fence {
            round: self.lock().progress().round,
            epoch: self.epoch,
            unleased: self.lease.is_none(),
        }
    }

    /// Waits until one more item may start; `None` if the run drains, the limit is reached or the lease is lost.
    pub(crate) async fn admit(&self) -> Option<OwnedSemaphorePermit> {
        tokio::select! {
            biased;
            () = self.token.cancelled() => None,
            slot = self.run.admit() => slot,
        }
    }

    /// Waits until nothing new of this unit may start.
    pub(crate) async fn stopped(&self) {
        tokio::select! {
            biased;
            () = self.run.stop.reached(StopLevel::Drain) => {}
            () = self.token.cancelled() => {}
        }
    }

    /// The progress of the unit.
    pub(crate) fn progress(&self) -> UnitProgress {
        self.lock().progress().clone()
    }

    /// The progress of the unit, after the result lines of all items up to its cursor are on disk.
    pub(crate) async fn durable_progress(&self) -> Result<UnitProgress, state::StateError> {
        let mut progress = self.progress();
        let files = Arc::clone(&self.run.files);
        // Finishes even if its caller is dropped, because it takes lines out of memory.
        let writing = self
            .run
            .tasks
            .spawn(async move { files.write_lines().await });
        let written = writing.await.map_err(std::io::Error::other);
        written.map_err(state::StateError::Journal)??;
        let lines = self.run.files.journaled();
        if let Some(trace) = progress.journals.get_mut(&self.run.config.journal()) {
            trace.lines = lines.max(trace.lines);
        }
        Ok(progress)
    }

    /// Records the final outcome of an item: the failure row first, then its line; then the cursor may pass it.
    pub(crate) async fn end(
        &self,
        item: &ItemId,
        seq: ItemSeq,
        end: End,
        began: Instant,
    ) -> Result<(), Failure> {
        let before = self.failed_before.get(item).copied();
        self.write_failure(item, &end, before).await?;
        let reason = end.failure.as_ref().map(|failure| failure.reason);
        let settled = (end.settled, reason);
        let was_bad = before.is_some() || self.was_kept_back(&end);
        let counted = self.lock().settle(seq, settled, was_bad);
        let end = End {
            settled: counted.known,
            ..end
        };
        if !counted.again {
            self.write_line(item, &end, began);
        }
        let end = End {
            settled: counted.settled,
            ..end
        };
        self.publish(item, end, began, (None, counted.earlier));
        Ok(())
    }

    /// Writes or removes the row of a failed item.
    pub(crate) async fn write_failure(
        &self,
        item: &ItemId,
        end: &End,
        before: Option<Before>,
    ) -> Result<(), Failure> {
        let Some(lease) = self.lease.as_ref().filter(|_| self.run.keeps_records()) else {
            return Ok(());
        };
        let written = match &end.failure {
            Some(failure) if before.is_none() && self.is_of_unit(failure) => {
                self.keep_back(lease, failure).await
            }
            Some(failure) => {
                let failed = self.failed(item.clone(), failure.clone(), end.attempts, before);
                lease.put_failed(&failed).await
            }
            None if before.is_some() => lease.remove_failed(item).await,
            None => Ok(()),
        };
        written.map_err(|error| error.failure())
    }

    /// The failure row of an item.
    pub(super) fn failed(
        &self,
        item: ItemId,
        failure: Failure,
        attempts: u32,
        before: Option<Before>,
    ) -> FailedItem {
        let now = self.run.clock.now();
        FailedItem {
            unit: self.context.id.clone(),
            item,
            failure,
            items: 1,
            attempts: attempts + before.map_or(0, |before| before.attempts),
            instance: self.run.config.instance.clone(),
            first_at: before.map_or(now, |before| before.first_at),
            last_at: now,
        }
    }

    /// Publishes that a started item has no outcome and counts as not started.
    pub(crate) fn publish_dropped(&self, item: &ItemId) {
        self.run.events.publish(Event::ItemDropped {
            unit: self.id.clone(),
            item: item.clone(),
        });
    }

    /// Publishes the final outcome of an item: results file, events, health.
    pub(crate) fn publish_settled(
        &self,
        item: &ItemId,
        end: End,
        began: Instant,
        before: Option<(Settled, Option<Reason>)>,
    ) {
        self.write_line(item, &end, began);
        self.publish(item, end, began, (before, false));
    }

    /// Adds the line of an item to the results file.
    fn write_line(&self, item: &ItemId, end: &End, began: Instant) {
        let run = &self.run;
        let line = ItemLine {
            at: run.clock.now(),
            unit: self.context.id.clone(),
            item: item.clone(),
            settled: end.settled,
            failure: end.failure.clone(),
            helping: self.helping.clone(),
            attempts: end.attempts,
            took_ms: millis(began),
        };
        run.files.result(line, run.config.pace.checkpoint_items);
    }

    fn publish(
        &self,
        item: &ItemId,
        end: End,
        began: Instant,
        (before, earlier): (Option<(Settled, Option<Reason>)>, bool),
    ) {
        let run = &self.run;
        let unit = &self.context.id;
        let failure = end.failure.as_ref();
        let unhealthy = run.health.count(failure);
        if let Some(reason) = unhealthy.or_else(|| run.health.suspect(unit, failure)) {
            run.drain(&reason);
        }
        if let Some(failure) = &end.failure {
            tracing::warn!(unit = %unit, item = %item, class = %failure.class, reason = %failure.reason, step = failure.step.as_ref().map(tracing::field::display), "{}", failure.message);
        }
        run.events.publish(Event::ItemSettled {
            unit: self.id.clone(),
            item: item.clone(),
            settled: end.settled,
            failure: end.failure,
            before,
            earlier,
            took_ms: millis(began),
        });
    }
}

fn millis(began: Instant) -> u64 {
    u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX)
}
