//! The parts of a split unit, for its holder, which works on parts that nobody else holds and sums all parts.
//!
//! The holder of the unit decides when it ends. Parts have their own leases, so helpers can work on them. A part has
//! only the first pass. Items that are added meanwhile belong to later passes, which the unit makes as a whole after
//! all parts ended.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures::future::BoxFuture;
use futures::{FutureExt, StreamExt, TryStreamExt, stream};

use crate::engine::Migration;
use crate::engine::shared::Shared;
use crate::model::{Counts, Event, Failure, PartCount, PartId, Reason, Split, Stage, Unit, UnitId};
use crate::runtime::{Instant, StopLevel};
use crate::state::{LeaseHolder, ProgressRow, StateError};

use super::{ClaimRequest, LeasedUnit};

/// Rows of parts that are written or removed concurrently.
const ROWS: usize = 16;

/// Removes the rows of the parts of a closed split.
pub(crate) async fn clear<M: Migration>(leased: &LeasedUnit<M>) -> Result<(), Failure> {
    let split = leased.lock().progress().split.clone();
    let Some(split) = split.filter(|split| split.stage == Stage::Closed) else {
        return Ok(());
    };
    let run = &leased.run;
    let removing = split.ids(&leased.id).map(|part| {
        run.checkpoints.forget(&part);
        let store = run.store.clone();
        async move { store.remove_part(&part).await }.boxed()
    });
    let removed = at_once(removing.collect()).await;
    removed.map_err(|error| error.failure())?;
    leased.lock().change(|progress| {
        if let Some(split) = &mut progress.split {
            split.stage = Stage::Gone;
        }
    });
    Ok(())
}

/// The parts of an open split.
pub(crate) struct SplitUnit<'a, M: Migration> {
    leased: &'a LeasedUnit<M>,
    split: Split,
    seen: Mutex<Watched>,
}

/// What was seen of the parts so far.
#[derive(Default)]
struct Watched {
    /// Leases of others when they were first seen.
    watched: BTreeMap<UnitId, (LeaseHolder, Instant)>,
    /// The published counters of each part.
    told: BTreeMap<PartId, Counts>,
}

impl<'a, M: Migration> SplitUnit<'a, M> {
    /// The parts of a leased unit; `None` if it is not split.
    pub(crate) fn of(leased: &'a LeasedUnit<M>) -> Option<Self> {
        let split = leased.lock().progress().open_split().cloned()?;
        Some(Self {
            leased,
            split,
            seen: Mutex::default(),
        })
    }

    /// The part that an item lies in.
    pub(crate) fn part_of(&self, item: &crate::model::ItemId) -> Option<UnitId> {
        let part = self.split.part_of(item)?;
        Some(self.leased.id.part(part))
    }

    /// The run that works on them.
    pub(super) fn run(&self) -> &Arc<Shared<M>> {
        &self.leased.run
    }

    /// Publishes the counters of a part again.
    pub(super) fn forget_reported(&self, part: PartId) {
        self.seen().told.remove(&part);
    }

    fn seen(&self) -> MutexGuard<'_, Watched> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The rows of all parts, in order. Creates missing ones.
    pub(crate) async fn rows(&self) -> Result<Vec<ProgressRow>, Failure> {
        let (run, unit) = (&self.leased.run, &self.leased.id);
        let rows = self.read().await?;
        let whole = self.split.ids(unit).count();
        if rows.len() == whole {
            return Ok(rows);
        }
        let progress = self.leased.progress();
        let absent = (0..self.split.number)
            .map(|number| self.split.begin(&progress, number))
            .filter(|part| rows.iter().all(|row| row.progress.unit != part.unit));
        let making = absent.map(|part| {
            let (store, instance) = (run.store.clone(), run.config.instance.clone());
            async move { store.plan_part(&part, &instance).await }.boxed()
        });
        let made = at_once(making.collect()).await;
        made.map_err(|error| error.failure())?;
        let rows = self.read().await?;
        if rows.len() == whole {
            return Ok(rows);
        }
        let text = format!("{unit} has {} rows of {whole} parts", rows.len());
        Err(Failure::transient(Reason::STATE_UNAVAILABLE, text))
    }

    async fn read(&self) -> Result<Vec<ProgressRow>, Failure> {
        let rows = self.leased.run.store.parts(&self.leased.id, self.split.cut);
        rows.await.map_err(|error| error.failure())
    }

    /// Whether nothing new may start here.
    pub(super) fn is_stopped(&self) -> bool {
        let run = &self.leased.run;
        let stopped = run.stop.level() > StopLevel::Run || run.admission.limit_reached();
        stopped || self.leased.token.is_cancelled()
    }

    pub(super) async fn pause(&self) {
        tokio::select! {
            biased;
            () = tokio::time::sleep(self.leased.run.config.pace.lease_term / 6) => {}
            () = self.leased.stopped() => {}
        }
    }

    /// Keeps the sum up to date while a part is in progress.
    pub(super) async fn tend(&self, part: PartId) -> std::convert::Infallible {
        loop {
            tokio::time::sleep(self.leased.run.config.pace.lease_term / 6).await;
            match self.rows().await {
                Ok(rows) => {
                    self.fold(&rows, Some(part));
                    self.watch(&rows);
                }
                Err(failure) => {
                    tracing::warn!(unit = %self.leased.id, "parts not read: {}", failure.message);
                }
            }
        }
    }

    /// Sets the counters of the unit to the sum of its parts. Publishes the parts that are not leased here; the items
    /// of the leased one are published as they settle.
    pub(crate) fn fold(&self, rows: &[ProgressRow], leased: Option<PartId>) {
        let (counts, reasons) = sum(rows);
        self.join_journals(rows);
        {
            let mut tracker = self.leased.lock();
            let now = tracker.progress();
            if (&now.counts, &now.reasons) != (&counts, &reasons) {
                tracker.change(|progress| (progress.counts, progress.reasons) = (counts, reasons));
            }
        }
        // When the run ends, published counters that are not in the rows yet stay.
        if self.is_stopped() {
            return;
        }
        let mut parts = Vec::new();
        for row in rows {
            let Some(part) = row.progress.unit.part.filter(|part| leased != Some(*part)) else {
                continue;
            };
            let (counts, reasons) = (row.progress.counts, row.progress.reasons.clone());
            if self.seen().told.insert(part, counts) != Some(counts) {
                parts.push(PartCount {
                    part,
                    counts,
                    reasons,
                });
            }
        }
        if !parts.is_empty() {
            let unit = self.leased.id.clone();
            self.leased
                .run
                .events
                .publish(Event::PartsCounted { unit, parts });
        }
    }

    /// Copies the journals of the parts to the unit, before the rows of the parts are removed.
    pub(crate) async fn fold_journals(&self) -> Result<(), Failure> {
        self.join_journals(&self.read().await?);
        Ok(())
    }

    fn join_journals(&self, rows: &[ProgressRow]) {
        let mut tracker = self.leased.lock();
        for row in rows {
            let mut progress = tracker.progress().clone();
            if progress.join_journals(row.progress.journals.clone()) {
                tracker.change(|held| held.journals = progress.journals);
            }
        }
    }

    /// Records since when the beats of others have not moved.
    fn watch(&self, rows: &[ProgressRow]) {
        let now = Instant::now();
        let mut seen = self.seen();
        for row in rows {
            let unit = &row.progress.unit;
            match row.lease.clone().map(LeaseHolder::from) {
                None => drop(seen.watched.remove(unit)),
                Some(held) if seen.watched.get(unit).is_some_and(|(was, _)| *was == held) => {}
                Some(held) => drop(seen.watched.insert(unit.clone(), (held, now))),
            }
        }
    }

    /// A part that may be claimed: unheld, or with a dead holder.
    pub(super) fn choose(&self, rows: &[ProgressRow]) -> Option<ClaimRequest> {
        self.watch(rows);
        let config = &self.leased.run.config;
        let open = || rows.iter().filter(|row| !row.progress.status.is_ended());
        let is_ours =
            |row: &&ProgressRow| row.lease.as_ref().is_none_or(|lease| config.adopts(lease));
        let free = open().find(is_ours).map(|row| (row, None));
        let dead = || {
            open().find_map(|row| {
                let seen = self.seen();
                let (held, since) = seen.watched.get(&row.progress.unit)?;
                (since.elapsed() >= config.pace.lease_term).then(|| (row, Some(held.clone())))
            })
        };
        let (row, dead) = free.or_else(dead)?;
        let part = Unit {
            id: row.progress.unit.clone(),
            planned: Some(row.progress.counts.planned),
        };
        Some(ClaimRequest {
            dead,
            helping: self.leased.helping.clone(),
            ..ClaimRequest::own(part)
        })
    }

    /// Waits until nobody works on a part. Returns a live holder.
    pub(crate) async fn quiet(&self) -> Result<Option<LeaseHolder>, Failure> {
        let config = &self.leased.run.config;
        let mut seen: BTreeMap<UnitId, (LeaseHolder, Instant)> = BTreeMap::new();
        loop {
            let mut waits = false;
            for row in self.read().await? {
                let Some(lease) = row.lease else { continue };
                let ours = config.adopts(&lease);
                let held = LeaseHolder::from(lease);
                match seen.get(&row.progress.unit) {
                    _ if ours => {}
                    Some((was, since)) if *was == held => {
                        waits |= since.elapsed() < config.pace.lease_term;
                    }
                    Some(_) => return Ok(Some(held)),
                    None => {
                        waits = true;
                        seen.insert(row.progress.unit, (held, Instant::now()));
                    }
                }
            }
            if !waits {
                return Ok(None);
            }
            self.pause().await;
            if self.is_stopped() {
                let text = "stopped before the parts of the unit were checked";
                return Err(Failure::unknown(Reason::LEASE_LOST, text));
            }
        }
    }
}

/// Runs writes concurrently.
async fn at_once(
    writes: Vec<BoxFuture<'static, Result<(), StateError>>>,
) -> Result<(), StateError> {
    let done = stream::iter(writes).buffer_unordered(ROWS);
    done.try_collect::<Vec<()>>().await.map(drop)
}

/// The sum of the counters of parts.
pub(super) fn sum(rows: &[ProgressRow]) -> (Counts, BTreeMap<Reason, u64>) {
    let mut reasons = BTreeMap::new();
    for (reason, count) in rows.iter().flat_map(|row| &row.progress.reasons) {
        *reasons.entry(*reason).or_default() += count;
    }
    (rows.iter().map(|row| row.progress.counts).sum(), reasons)
}
