//! Helps other instances, when nothing of the own share is left to start.
//!
//! Units come from the shared table: those that nobody holds, and those whose holder's beat did not move for a whole
//! term. If there are none, parts of units that others hold are taken in the same way, one at a time. The lease decides
//! who gets one, so two helpers never work on the same unit. A helper stays until no unit is open anywhere, and so
//! takes what another instance releases later. It counts such units apart, under the instance that they belong to.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{DefaultHasher, Hash, Hasher};

use futures::{FutureExt, StreamExt, stream};

use crate::engine::Migration;
use crate::engine::shared::Shared;
use crate::engine::unit::ClaimRequest;
use crate::model::{Holder, InstanceId, Unit, UnitId};
use crate::runtime::Instant;
use crate::state::{self, LeaseHolder, ProgressRow, Store};

/// About how many open units are read at once.
const READ: usize = 500;

/// Rows that are read at the same time.
const READS: usize = 16;

/// What a helper knows about the units of others.
#[derive(Debug, Default)]
pub(super) struct Helper {
    /// When to look next; `None` for at once.
    next: Option<Instant>,
    /// Whether nothing is left to help with, now or later.
    over: bool,
    /// Leases of others when they were first seen.
    watched: BTreeMap<UnitId, (LeaseHolder, Instant)>,
    /// Units that failed in this run.
    given_up: BTreeSet<UnitId>,
    /// Failed reads in a row.
    failed: u32,
}

/// Units and parts that have not ended.
async fn open(store: &Store) -> Result<Vec<ProgressRow>, state::StateError> {
    let mut open = store.open_units(READ).await?;
    match store.open_parts(READ).await {
        Ok(parts) => open.extend(parts),
        // Tables of earlier versions have no table of parts.
        Err(error) if error.is_missing_table() => {}
        Err(error) => return Err(error),
    }
    Ok(open)
}

/// The instance of each unit: by the plan, or the last holder.
fn whose(open: &[ProgressRow]) -> BTreeMap<UnitId, InstanceId> {
    let units = open.iter().filter(|row| row.progress.unit.part.is_none());
    let whose = units.filter_map(|row| {
        let whose = row.assigned.as_ref().or(row.instance.as_ref())?;
        Some((row.progress.unit.clone(), whose.clone()))
    });
    whose.collect()
}

/// Orders units differently for each helper, so that two helpers seldom ask for the same one.
fn in_turn(holder: &Holder, offers: &mut [ClaimRequest]) {
    offers.sort_by_cached_key(|offer| {
        let mut hasher = DefaultHasher::new();
        (holder, &offer.unit.id).hash(&mut hasher);
        hasher.finish()
    });
}

impl Helper {
    /// When to look for more; `None` if there is no more. `began` is a moment in the past.
    pub(super) fn polls_at(&self, began: Instant) -> Option<Instant> {
        (!self.over).then(|| self.next.unwrap_or(began))
    }

    /// Looks for more at once.
    pub(super) fn poll_now(&mut self) {
        self.next = None;
    }

    /// Does not try a unit again in this run.
    pub(super) fn give_up(&mut self, unit: &UnitId) {
        self.given_up.insert(unit.clone());
    }

    /// Records that another holds a unit.
    pub(super) fn saw(&mut self, unit: &UnitId, held: LeaseHolder) {
        self.watched.insert(unit.clone(), (held, Instant::now()));
    }

    /// Units of others that may be claimed, except those in `mine` or leased here.
    pub(super) async fn offers<M: Migration>(
        &mut self,
        run: &Shared<M>,
        mine: &BTreeSet<UnitId>,
        leased: &BTreeSet<UnitId>,
    ) -> Vec<ClaimRequest> {
        self.next = Some(Instant::now() + run.config.pace.lease_term / 6);
        if !run.admission.is_idle() {
            return Vec::new();
        }
        match open(&run.store).await {
            Ok(mut open) => {
                open.retain(|row| run.config.helps(&row.progress.unit.owner));
                self.failed = 0;
                self.watch(&run.store, &open).await;
                self.choose(run, open, mine, leased)
            }
            Err(error) => {
                tracing::warn!(%error, "open units not read");
                self.failed += 1;
                self.over = self.failed >= run.config.pace.attempts;
                Vec::new()
            }
        }
    }

    /// Reads new leases from the rows themselves, because the index may lag.
    async fn watch(&mut self, store: &Store, open: &[ProgressRow]) {
        let units: BTreeSet<_> = open.iter().map(|row| &row.progress.unit).collect();
        self.watched.retain(|unit, _| units.contains(unit));
        let is_new = |row: &&ProgressRow| {
            let known = self.watched.get(&row.progress.unit);
            let newer = |epoch| known.is_none_or(|(held, _)| held.epoch < epoch);
            row.lease.as_ref().is_some_and(|lease| newer(lease.epoch))
        };
        let read = |row: &ProgressRow| {
            let (store, unit) = (store.clone(), row.progress.unit.clone());
            async move { (store.progress_row(&unit).await, unit) }.boxed()
        };
        let new: Vec<_> = open.iter().filter(is_new).map(read).collect();
        let reads: Vec<_> = stream::iter(new).buffer_unordered(READS).collect().await;
        for (row, unit) in reads {
            // A failed read is repeated the next time.
            if let Ok(Some(row)) = row
                && let Some(lease) = row.lease
            {
                self.saw(&unit, LeaseHolder::from(lease));
            }
        }
    }

    /// The open units that may be claimed.
    fn choose<M: Migration>(
        &mut self,
        run: &Shared<M>,
        open: Vec<ProgressRow>,
        mine: &BTreeSet<UnitId>,
        leased: &BTreeSet<UnitId>,
    ) -> Vec<ClaimRequest> {
        let term = run.config.pace.lease_term;
        let (mut offers, mut parts) = (Vec::new(), Vec::new());
        let mut waits = !mine.is_empty();
        let of_units = whose(&open);
        for row in open {
            let id = &row.progress.unit;
            if mine.contains(id) || self.given_up.contains(id) {
                continue;
            }
            waits = true;
            let whole = id.whole();
            // The request names the lease as seen a term ago. The store refuses it if the holder is alive.
            let dead = match (&row.lease, self.watched.get(id)) {
                // The task that holds the unit works on its parts, too.
                _ if leased.contains(&whole) => continue,
                (None, _) => None,
                (Some(_), Some((held, since))) if since.elapsed() >= term => Some(held.clone()),
                (Some(_), _) => continue,
            };
            let planned_for = of_units.get(&whole).cloned().or(row.instance);
            let is_part = id.part.is_some();
            let offers = if is_part { &mut parts } else { &mut offers };
            let unit = Unit {
                id: row.progress.unit,
                planned: Some(row.progress.counts.planned),
            };
            offers.push(ClaimRequest {
                dead,
                helping: Some(planned_for.unwrap_or_else(|| InstanceId::new("?"))),
                ..ClaimRequest::own(unit)
            });
        }
        self.over = !waits;
        in_turn(&run.config.holder(), &mut offers);
        // Leaves some units to other helpers.
        let most = run.config.units_at_once.max(1) as usize;
        offers.truncate(most.min(offers.len().div_ceil(4)));
        // One part is enough work for all slots.
        if offers.is_empty() {
            in_turn(&run.config.holder(), &mut parts);
            offers.extend(parts.into_iter().next());
        }
        offers
    }
}
