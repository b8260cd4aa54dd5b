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
use crate::engine::unit::{UnitEnd, Wanted};
use crate::model::{Holder, InstanceId, Unit, UnitId};
use crate::runtime::Moment;
use crate::state::{self, Held, ProgressRow, Store};

use super::queue::{Queue, Waiting};

/// Open units that are read at once, roughly.
const READ: usize = 500;

/// Rows that are read at the same time.
const READS: usize = 16;

/// What a helper knows of the units of others.
#[derive(Debug, Default)]
pub(super) struct Steal {
    /// When to look next; none when there is nothing to wait for.
    next: Option<Moment>,
    /// Whether there is nothing more to help with, now or later.
    over: bool,
    /// Leases of others as they were seen first, and when.
    watched: BTreeMap<UnitId, (Held, Moment)>,
    /// Units that could not be worked on, or whose lease was lost.
    given_up: BTreeSet<UnitId>,
    /// Looks that failed in a row.
    failed: u32,
}

/// Units and parts that have not ended.
async fn open(store: &Store) -> Result<Vec<ProgressRow>, state::Error> {
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
fn in_turn(holder: &Holder, offers: &mut [Wanted]) {
    offers.sort_by_cached_key(|offer| {
        let mut hasher = DefaultHasher::new();
        (holder, &offer.unit.id).hash(&mut hasher);
        hasher.finish()
    });
}

impl<M: Migration> Queue<'_, M> {
    /// When a helper wants to look for more; none when it has enough, or there is no more.
    pub(super) fn steals_at(&self) -> Option<Moment> {
        let steal = self.steal.as_ref().filter(|steal| !steal.over)?;
        let has_room = self.waiting.is_empty() && !self.is_stopped();
        // A moment that is past for sure: real time goes on between two looks at it.
        has_room.then(|| steal.next.unwrap_or(self.began))
    }

    /// Takes up units of others, if it is time to and items could be begun.
    pub(super) async fn look_for_more(&mut self) {
        let now = Moment::now();
        if self.steals_at().is_none_or(|at| at > now) {
            return;
        }
        let later = now + self.run.config.pace.lease_term / 6;
        let Some(steal) = &mut self.steal else { return };
        steal.next = Some(later);
        if !self.run.gate.is_idle() {
            return;
        }
        let open = match open(&self.run.store).await {
            Ok(open) => open,
            Err(error) => {
                tracing::warn!(%error, "open units not read");
                steal.failed += 1;
                steal.over = steal.failed >= self.run.config.pace.attempts;
                return;
            }
        };
        steal.failed = 0;
        self.watch(&open).await;
        self.offers(open);
    }

    /// Looks at the leases that are new to us in the rows themselves: the index may lag behind.
    async fn watch(&mut self, open: &[ProgressRow]) {
        let Some(steal) = &mut self.steal else { return };
        let units: BTreeSet<_> = open.iter().map(|row| &row.progress.unit).collect();
        steal.watched.retain(|unit, _| units.contains(unit));
        let mut new: Vec<UnitId> = Vec::new();
        for row in open {
            let (unit, known) = (&row.progress.unit, steal.watched.get(&row.progress.unit));
            let is_new = |epoch| known.is_none_or(|(held, _)| held.epoch < epoch);
            if row.lease.as_ref().is_some_and(|lease| is_new(lease.epoch)) {
                new.push(unit.clone());
            }
        }
        let read = |unit: UnitId| {
            let store = self.run.store.clone();
            async move { (store.progress_row(&unit).await, unit) }.boxed()
        };
        let new: Vec<_> = new.into_iter().map(read).collect();
        let reads: Vec<_> = stream::iter(new).buffer_unordered(READS).collect().await;
        for (row, unit) in reads {
            // What was not read now is read at the next look.
            if let Ok(Some(row)) = row
                && let Some(lease) = row.lease
            {
                let held = (Held::from(lease), Moment::now());
                steal.watched.insert(unit, held);
            }
        }
    }

    /// Lets those of the open units wait for their turn that may be taken.
    fn offers(&mut self, open: Vec<ProgressRow>) {
        let (run, Some(steal)) = (self.run, &mut self.steal) else {
            return;
        };
        let term = run.config.pace.lease_term;
        let (mut offers, mut parts) = (Vec::new(), Vec::new());
        let mut waits = !self.mine.is_empty();
        let of_units = whose(&open);
        for row in open {
            let id = &row.progress.unit;
            if self.mine.contains(id) || steal.given_up.contains(id) {
                continue;
            }
            waits = true;
            let whole = id.whole();
            // The lease is asked for as it was seen a term ago: the store refuses if it lives.
            let dead = match (&row.lease, steal.watched.get(id)) {
                // Whoever holds the unit here works on its parts, too.
                _ if self.in_hand.contains(&whole) => continue,
                (None, _) => None,
                (Some(_), Some((held, since))) if since.elapsed() >= term => Some(held.clone()),
                (Some(_), _) => continue,
            };
            let from = of_units.get(&whole).cloned().or(row.instance);
            let is_part = id.part.is_some();
            let offers = if is_part { &mut parts } else { &mut offers };
            let unit = Unit {
                id: row.progress.unit,
                planned: Some(row.progress.counts.planned),
            };
            offers.push(Wanted {
                dead,
                from: Some(from.unwrap_or_else(|| InstanceId::new("?"))),
                ..Wanted::own(unit)
            });
        }
        steal.over = !waits;
        in_turn(&run.config.holder(), &mut offers);
        // Few are left at the end, and others want to help, too.
        let most = run.config.units_at_once.max(1) as usize;
        offers.truncate(most.min(offers.len().div_ceil(4)));
        // A part has work enough for all slots, and others share the unit.
        if offers.is_empty() {
            in_turn(&run.config.holder(), &mut parts);
            offers.extend(parts.into_iter().next());
        }
        self.mine
            .extend(offers.iter().map(|offer| offer.unit.id.clone()));
        self.waiting.extend(offers.into_iter().map(Waiting::from));
    }

    /// A unit is not tried again in this run.
    pub(super) fn give_up(&mut self, unit: &UnitId) {
        self.mine.remove(unit);
        if let Some(steal) = &mut self.steal {
            steal.given_up.insert(unit.clone());
        }
    }

    /// Room was made: more is looked for at once.
    pub(super) fn has_room(&mut self) {
        if let Some(steal) = &mut self.steal {
            steal.next = None;
        }
    }

    /// A unit of another left our hands.
    pub(super) fn end_helping(&mut self, waiting: Waiting, end: UnitEnd) {
        let Some(steal) = &mut self.steal else { return };
        let id = &waiting.wanted.unit.id;
        match end {
            UnitEnd::Ended => {
                self.mine.remove(id);
                self.has_room();
                if id.part.is_none() {
                    self.sum_up(&waiting.wanted.unit.id.owner);
                }
            }
            UnitEnd::Held(held) => {
                self.mine.remove(id);
                steal.watched.insert(id.clone(), (held, Moment::now()));
            }
            // What another leaves open is looked at again.
            UnitEnd::Released | UnitEnd::Lost => {
                self.mine.remove(id);
            }
            UnitEnd::Trouble(failure) => self.trouble(waiting, failure),
        }
    }
}
