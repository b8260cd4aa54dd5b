//! A unit in hand, and what is done when one of its items has its last word.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::OwnedSemaphorePermit;
use tokio_util::sync::CancellationToken;

use crate::engine::gate::Admission;
use crate::engine::item::End;
use crate::engine::record::{ItemLine, Ticket, Tracker};
use crate::engine::shared::Shared;
use crate::engine::{Migration, UnitContext};
use crate::model::{
    Between, Epoch, Event, FailedItem, Failure, Fence, InstanceId, ItemId, Reason, UnitId,
    UnitProgress,
};
use crate::runtime::{Degree, Moment};
use crate::state::{self, FailedQuery};

use super::Keeper;

/// A unit in hand. Clones share everything.
pub(crate) struct InHand<M: Migration> {
    pub(crate) run: Arc<Shared<M>>,
    /// What is leased: the unit, or a part of it.
    pub(crate) id: UnitId,
    /// The unit, as steps see it.
    pub(crate) context: UnitContext,
    /// The items that are leased.
    pub(crate) within: Between,
    pub(crate) tracker: Arc<Mutex<Tracker>>,
    /// The lease; none when no records are kept.
    pub(crate) keeper: Option<Arc<Keeper>>,
    /// The epoch of the lease; without one, of the last that was given.
    pub(crate) epoch: Epoch,
    /// Stops the work on this unit alone.
    pub(crate) token: CancellationToken,
    /// How many items the plan of this run gives it.
    pub(crate) announced: u64,
    /// Whose unit it is, when it was taken to help.
    pub(crate) from: Option<InstanceId>,
    /// Items that failed in earlier runs.
    pub(crate) failed_before: Arc<BTreeMap<ItemId, FailedItem>>,
}

impl<M: Migration> Clone for InHand<M> {
    fn clone(&self) -> Self {
        Self {
            run: Arc::clone(&self.run),
            id: self.id.clone(),
            within: self.within.clone(),
            context: self.context.clone(),
            tracker: Arc::clone(&self.tracker),
            keeper: self.keeper.clone(),
            epoch: self.epoch,
            token: self.token.clone(),
            announced: self.announced,
            from: self.from.clone(),
            failed_before: Arc::clone(&self.failed_before),
        }
    }
}

impl<M: Migration> InHand<M> {
    pub(crate) fn lock(&self) -> MutexGuard<'_, Tracker> {
        self.tracker.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What orders journal lines that are written now among those of others.
    pub(crate) fn fence(&self) -> Fence {
        Fence {
            round: self.lock().progress().round,
            epoch: self.epoch,
            unleased: self.keeper.is_none(),
        }
    }

    /// Waits until one more item of the unit may be begun; none when nothing new may be: drain,
    /// limit, or lease lost.
    pub(crate) async fn admit(&self) -> Option<OwnedSemaphorePermit> {
        tokio::select! {
            biased;
            () = self.stopped() => None,
            admission = self.run.gate.admit() => match admission {
                Admission::Slot(slot) => Some(slot),
                Admission::LimitReached => None,
            },
        }
    }

    /// Ready when nothing new of this unit may be begun.
    pub(crate) async fn stopped(&self) {
        tokio::select! {
            biased;
            () = self.run.stop.reached(Degree::Drain) => {}
            () = self.token.cancelled() => {}
        }
    }

    /// How far the unit is now.
    pub(crate) fn progress(&self) -> UnitProgress {
        self.lock().progress().clone()
    }

    /// How far the unit is now, with the result lines of all items below its cursor on disk.
    pub(crate) async fn told(&self) -> Result<UnitProgress, state::Error> {
        let progress = self.progress();
        let files = Arc::clone(&self.run.files);
        // Goes on when whoever waits for it is dropped: what was taken out of memory must reach the disk.
        let writing = self
            .run
            .tasks
            .spawn(async move { files.write_lines().await });
        let written = writing.await.map_err(std::io::Error::other);
        written.map_err(state::Error::Journal)??;
        Ok(progress)
    }

    /// Writes an item's last word down: its failure row first, then its line, then the cursor may
    /// pass it.
    pub(crate) async fn end(
        &self,
        item: &ItemId,
        ticket: Ticket,
        end: End,
        began: Moment,
    ) -> Result<(), Failure> {
        let before = self.failed_before.get(item);
        self.write_failure(item, &end, before).await?;
        self.lock().settle(
            ticket,
            end.settled,
            end.failure.as_ref().map(|failure| failure.reason),
        );
        self.tell(item, end, began, None);
        Ok(())
    }

    /// Writes or removes the row of a failed item.
    pub(crate) async fn write_failure(
        &self,
        item: &ItemId,
        end: &End,
        before: Option<&FailedItem>,
    ) -> Result<(), Failure> {
        let run = &self.run;
        if !run.keeps_records() {
            return Ok(());
        }
        let unit = &self.context.id;
        let written = match &end.failure {
            Some(failure) => {
                let now = run.clock.unix_ms();
                let failed = FailedItem {
                    unit: unit.clone(),
                    item: item.clone(),
                    failure: failure.clone(),
                    attempts: end.attempts + before.map_or(0, |before| before.attempts),
                    instance: run.config.instance.clone(),
                    first_at: before.map_or(now, |before| before.first_at),
                    last_at: now,
                };
                run.store.put_failed(&failed).await
            }
            None if before.is_some() => run.store.remove_failed(unit, item).await,
            None => Ok(()),
        };
        written.map_err(|error| error.failure())
    }

    /// Counts the bad items by their rows: a crash may have come between the counters and the rows, and rows are the
    /// last to go. Fewer rows than were counted are no proof that the others are good. Those of a part are counted with
    /// the unit.
    pub(crate) async fn recount(&self) -> Result<(), Failure> {
        if self.keeper.is_none() || self.id.part.is_some() {
            return Ok(());
        }
        let query = FailedQuery::unit(&self.context.id);
        let rows = self.run.store.failed_items(&query).await;
        let rows = rows.map_err(|error| error.failure())?;
        let failures = rows.iter().map(|row| &row.failure);
        self.lock().change(|progress| {
            if rows.len() as u64 >= progress.counts.bad() {
                progress.set_bad(failures);
            }
        });
        Ok(())
    }

    /// Tells of an item's last word: results file, events, health.
    pub(crate) fn tell(
        &self,
        item: &ItemId,
        end: End,
        began: Moment,
        before: Option<(crate::model::Settled, Reason)>,
    ) {
        let run = &self.run;
        let unit = self.context.id.clone();
        let took_ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
        let line = ItemLine {
            at: run.clock.unix_ms(),
            unit: unit.clone(),
            item: item.clone(),
            settled: Some(end.settled),
            verdict: None,
            findings: Vec::new(),
            failure: end.failure.clone(),
            helping: self.from.clone(),
            attempts: end.attempts,
            took_ms,
        };
        run.files.result(line, run.config.pace.checkpoint_items);
        if let Some(reason) = run.health.count(end.failure.as_ref()) {
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
            took_ms,
        });
    }
}
