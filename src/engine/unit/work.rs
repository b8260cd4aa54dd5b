//! The life of a unit in this process.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use crate::engine::Migration;
use crate::engine::record::Tracker;
use crate::engine::shared::Shared;
use crate::model::{
    Counts, Event, Failure, Lease, Mark, Reason, Status, Sweep, Unit, UnitProgress,
};
use crate::state::{FailureFilter, ProgressRow, Taken};

use super::finish::{finish, give_back};
use super::keeper::keep;
use super::sweep::{Swept, sweep};
use super::{InHand, Keeper, state_failure};

/// After so many sweeps the last one takes whatever is new: clocks that differ must not keep a
/// unit open.
const BOUNDED_SWEEPS: u32 = 3;

/// How a unit left this process.
#[derive(Debug)]
pub(crate) enum UnitEnd {
    /// Swept to its end, now or in an earlier run.
    Ended(Status, Counts),
    /// Given back unfinished.
    Released,
    /// Another holds it.
    Held(Lease),
    /// Its lease was lost.
    Lost,
    /// It could not be worked on for now.
    Trouble(Failure),
}

/// What came of asking for a unit.
pub(crate) enum Claim<M: Migration> {
    /// It is ours.
    InHand(Box<InHand<M>>),
    /// There is nothing to do here.
    Done(UnitEnd),
}

/// Leases a unit, sweeps it, and settles it or gives it back.
pub(crate) async fn work<M: Migration>(
    run: Arc<Shared<M>>,
    unit: Unit,
    dead: Option<Lease>,
) -> UnitEnd {
    let hand = if run.keeps_records() {
        match claim(&run, &unit, dead, false).await {
            Ok(Claim::InHand(hand)) => *hand,
            Ok(Claim::Done(end)) => return end,
            Err(failure) => return UnitEnd::Trouble(failure),
        }
    } else {
        unrecorded(&run, &unit)
    };
    run.events.publish(Event::UnitLeased {
        unit: unit.id.clone(),
        counts: hand.lock().progress().counts,
    });
    let Some(keeper) = hand.keeper.clone() else {
        return sweeps(&hand).await;
    };
    let mut sweeping = std::pin::pin!(sweeps(&hand));
    tokio::select! {
        end = &mut sweeping => end,
        // The lease is lost: the sweep sees it and ends by itself.
        () = keep(&run, &hand, &keeper) => sweeping.await,
    }
}

/// Asks for a unit. `reopen` takes one that ended, too.
pub(crate) async fn claim<M: Migration>(
    run: &Arc<Shared<M>>,
    unit: &Unit,
    dead: Option<Lease>,
    reopen: bool,
) -> Result<Claim<M>, Failure> {
    let row = run.store.progress(&unit.id).await;
    let row = row.map_err(|error| state_failure(&error))?;
    if let Some(row) = row
        .as_ref()
        .filter(|row| row.progress.status.is_ended() && !reopen)
    {
        let (status, counts) = (row.progress.status, row.progress.counts);
        run.events.publish(Event::UnitLeased {
            unit: unit.id.clone(),
            counts,
        });
        run.events.publish(Event::UnitSettled {
            unit: unit.id.clone(),
            status,
            counts,
        });
        return Ok(Claim::Done(UnitEnd::Ended(status, counts)));
    }
    let dead = dead.or_else(|| own_dead(run, row.as_ref()));
    let now = run.clock.unix_ms();
    let term = run.config.pace.lease_term;
    let until = now + u64::try_from(term.as_millis()).unwrap_or(u64::MAX);
    let by = (&run.config.instance, &run.config.run);
    let asked = run.clock.moment();
    let taken = run
        .store
        .take(&unit.id, by, dead.as_ref(), until, now)
        .await;
    match taken.map_err(|error| state_failure(&error))? {
        Taken::Ours(lease, row) => {
            let token = run.stop.abort_token();
            let keeper = Arc::new(Keeper::new(lease, asked, term, token));
            in_hand(run, unit, *row, keeper, dead.is_some() || reopen)
                .await
                .map(|hand| Claim::InHand(Box::new(hand)))
        }
        Taken::Held(row) => match row.lease {
            Some(lease) => Ok(Claim::Done(UnitEnd::Held(lease))),
            None => Err(Failure::transient(
                Reason::LeaseLost,
                "the unit was let go while it was asked for",
            )),
        },
        Taken::Foreign(row) => Err(Failure::permanent(
            Reason::BadRecord,
            format!(
                "its status is {:?}, no word of ours",
                row.foreign_status.unwrap_or_default()
            ),
        )),
    }
}

/// A lease that an earlier process of this instance left, when that process is known to be dead.
fn own_dead<M: Migration>(run: &Shared<M>, row: Option<&ProgressRow>) -> Option<Lease> {
    let lease = row?.lease.as_ref()?;
    let ours = lease.holder == run.config.instance && lease.run != run.config.run;
    (ours && run.config.adopt_own).then(|| lease.clone())
}

/// Puts together what the row and the checkpoint file know.
async fn in_hand<M: Migration>(
    run: &Arc<Shared<M>>,
    unit: &Unit,
    row: ProgressRow,
    keeper: Arc<Keeper>,
    begun_before: bool,
) -> Result<InHand<M>, Failure> {
    let begun_before = begun_before || row.progress.status != Status::Pending;
    let failed_before = if begun_before {
        let failures = run
            .store
            .all_failures(&FailureFilter::Unit(unit.id.clone()))
            .await;
        failures.map_err(|error| state_failure(&error))?
    } else {
        Vec::new()
    };
    let mark = resume(row.progress, run.board.mark(&unit.id), unit);
    let tracker = Arc::new(Mutex::new(Tracker::new(mark)));
    run.board.follow(&unit.id, &tracker);
    Ok(InHand {
        run: Arc::clone(run),
        context: run.context(&unit.id),
        tracker,
        token: keeper.token(),
        keeper: Some(keeper),
        failed_before: Arc::new(
            failed_before
                .into_iter()
                .map(|failed| (failed.item.clone(), failed))
                .collect(),
        ),
    })
}

/// The further of row and file. The items above the cursor are of use only with the cursor they
/// belong to.
fn resume(row: UnitProgress, file: Option<Mark>, unit: &Unit) -> Mark {
    let (file, above) = file.map_or((None, BTreeMap::new()), |mark| {
        (Some(mark.progress), mark.above)
    });
    let mut progress = match &file {
        Some(file) => row.further(file.clone()),
        None => row,
    };
    let same = file.is_some_and(|file| {
        (file.sweep.number, &file.cursor) == (progress.sweep.number, &progress.cursor)
    });
    let counts = &mut progress.counts;
    if !progress.status.is_ended() {
        counts.planned = counts.planned.max(unit.planned.unwrap_or(0));
    }
    Mark {
        progress,
        above: if same { above } else { BTreeMap::new() },
    }
}

/// A unit of which nothing is kept.
fn unrecorded<M: Migration>(run: &Arc<Shared<M>>, unit: &Unit) -> InHand<M> {
    InHand {
        run: Arc::clone(run),
        context: run.context(&unit.id),
        tracker: Arc::new(Mutex::new(Tracker::new(Mark {
            progress: UnitProgress::pending(unit),
            above: BTreeMap::new(),
        }))),
        keeper: None,
        token: run.stop.abort_token(),
        failed_before: Arc::default(),
    }
}

/// Sweeps until nothing new came.
async fn sweeps<M: Migration>(hand: &InHand<M>) -> UnitEnd {
    let now = hand.run.clock.unix_ms();
    if hand.lock().progress().status.is_ended() {
        // The row was lost, the file knows better.
        return finish(hand).await;
    }
    hand.lock().change(|progress| {
        progress.status = Status::InProgress;
        progress.error = None;
        if progress.sweep.until == 0 {
            progress.sweep = Sweep::first(now);
        }
    });
    if let Err(end) = super::finish::save(hand).await {
        return end;
    }
    loop {
        let (taken, deferred) = match sweep(hand).await {
            Swept::End { taken, deferred } => (taken, deferred),
            Swept::Stopped => return give_back(hand).await,
            Swept::Trouble(failure) => {
                give_back(hand).await;
                return UnitEnd::Trouble(failure);
            }
        };
        let this = hand.lock().progress().sweep;
        let was_last = this.until == u64::MAX || (this.number > 0 && taken == 0 && deferred == 0);
        if was_last {
            return finish(hand).await;
        }
        let mut next = this.next(hand.run.clock.unix_ms());
        if next.number >= BOUNDED_SWEEPS {
            next.until = u64::MAX;
        }
        hand.lock().rewind(|progress| progress.sweep = next);
    }
}
