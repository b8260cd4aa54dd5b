//! Help for other instances, when there is nothing left to begin of one's own.
//!
//! Units come from the shared table: those that nobody holds, and those whose holder did not beat
//! for a whole term. When there are none, parts of units that others hold are taken up in the same
//! way, one at a time. They are asked for like all others, so the fence decides who has one, and two
//! helpers never work on the same unit. A helper stays until nothing is left open anywhere: what
//! another instance drops later is taken up, too. Its counts of such units stand apart, under the
//! instance whose they were.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{DefaultHasher, Hash, Hasher};

use futures::{FutureExt, StreamExt, stream};

use crate::engine::Migration;
use crate::engine::shared::Shared;
use crate::engine::unit::ClaimRequest;
use crate::model::{Holder, InstanceId, Unit, UnitId};
use crate::runtime::Instant;
use crate::state::{self, LeaseHolder, ProgressRow, Store};

/// Open units that are read at once, roughly.
const READ: usize = 500;

/// Rows that are read at the same time.
const READS: usize = 16;

/// What a helper knows of the units of others.
#[derive(Debug, Default)]
pub(super) struct Helper {
    /// When to look next; none when there is nothing to wait for.
    next: Option<Instant>,
    /// Whether there is nothing more to help with, now or later.
    over: bool,
    /// Leases of others as they were seen first, and when.
    watched: BTreeMap<UnitId, (LeaseHolder, Instant)>,
    /// Units that could not be worked on, or whose lease was lost.
    given_up: BTreeSet<UnitId>,
    /// Looks that failed in a row.
    failed: u32,
}

/// Units and parts that have not ended.
async fn open(store: &Store) -> Result<Vec<ProgressRow>, state::StateError> {
    let mut open = store.open_units(READ).await?;
    match store.open_parts(READ).await {
        Ok(parts) => open.extend(parts),
        // Tables that were made before there were parts.
        Err(error) if error.is_missing_table() => {}
        Err(error) => return Err(error),
    }
    Ok(open)
}

/// Whose units are, by the plan or as it is now.
fn whose(open: &[ProgressRow]) -> BTreeMap<UnitId, InstanceId> {
    let units = open.iter().filter(|row| row.progress.unit.part.is_none());
    let whose = units.filter_map(|row| {
        let whose = row.assigned.as_ref().or(row.instance.as_ref())?;
        Some((row.progress.unit.clone(), whose.clone()))
    });
    whose.collect()
}

/// Helpers begin at different ends, so that they seldom ask for the same unit.
fn in_turn(holder: &Holder, offers: &mut [ClaimRequest]) {
    offers.sort_by_cached_key(|offer| {
        let mut hasher = DefaultHasher::new();
        (holder, &offer.unit.id).hash(&mut hasher);
        hasher.finish()
    });
}

impl Helper {
    /// When to look for more; none when there is no more. `began` is a moment that is past for sure: real time goes on
    /// between two looks at it.
    pub(super) fn polls_at(&self, began: Instant) -> Option<Instant> {
        (!self.over).then(|| self.next.unwrap_or(began))
    }

    /// More is looked for at once.
    pub(super) fn poll_now(&mut self) {
        self.next = None;
    }

    /// A unit is not tried again in this run.
    pub(super) fn give_up(&mut self, unit: &UnitId) {
        self.given_up.insert(unit.clone());
    }

    /// Another was seen to hold a unit.
    pub(super) fn saw(&mut self, unit: &UnitId, held: LeaseHolder) {
        self.watched.insert(unit.clone(), (held, Instant::now()));
    }

    /// Units of others that may be asked for, beside those that are `mine` or worked on here.
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
            Ok(open) => {
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

    /// Looks at the leases that are new to us in the rows themselves: the index may lag behind.
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
            // What was not read now is read at the next probe.
            if let Ok(Some(row)) = row
                && let Some(lease) = row.lease
            {
                self.saw(&unit, LeaseHolder::from(lease));
            }
        }
    }

    /// Those of the open units that may be taken.
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
            // The lease is asked for as it was seen a term ago: the store refuses if it lives.
            let dead = match (&row.lease, self.watched.get(id)) {
                // Whoever holds the unit here works on its parts, too.
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
        // Few are left at the end, and others want to help, too.
        let most = run.config.units_at_once.max(1) as usize;
        offers.truncate(most.min(offers.len().div_ceil(4)));
        // A part has work enough for all slots, and others share the unit.
        if offers.is_empty() {
            in_turn(&run.config.holder(), &mut parts);
            offers.extend(parts.into_iter().next());
        }
        offers
    }
}
