//! The life of a unit in this process.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use crate::engine::Migration;
use crate::engine::record::Tracker;
use crate::engine::shared::Shared;
use crate::model::{
    Epoch, Event, Failure, InstanceId, Mark, Status, Sweep, TakenOver, Unit, UnitProgress,
};
use crate::state::{FailedQuery, Grant, Held, Reopen, Take};

use super::finish::{finish, give_back, save, unsaved};
use super::keeper::keep;
use super::sweep::{Swept, sweep};
use super::{InHand, Keeper};

/// After so many sweeps the last one takes whatever is new: clocks that differ must not keep a
/// unit open.
const BOUNDED_SWEEPS: u32 = 3;

/// Sources write the time of an item before it can be seen, by clocks of their own: items younger
/// than this, milliseconds, are left to a later sweep, so that none slips in behind one. AWS refuses
/// requests whose clock is more than five minutes off (Signature Version 4), so no clock that can
/// work at all differs by more.
const YOUNG_MS: u64 = 5 * 60_000;

/// How a unit left this process.
#[derive(Debug)]
pub(crate) enum UnitEnd {
    /// Swept to its end, now or in an earlier run.
    Ended,
    /// Given back unfinished.
    Released,
    /// Another holds it.
    Held(Held),
    /// Its lease was lost.
    Lost,
    /// It could not be worked on for now.
    Trouble(Failure),
}

/// A unit that is wanted, and on what terms.
#[derive(Debug, Clone)]
pub(crate) struct Wanted {
    pub(crate) unit: Unit,
    /// A holder that did not beat for a whole term.
    pub(crate) dead: Option<Held>,
    /// Whose it is, when it is taken to help.
    pub(crate) from: Option<InstanceId>,
}

impl Wanted {
    /// A unit in scope.
    pub(crate) fn own(unit: Unit) -> Self {
        Self {
            unit,
            dead: None,
            from: None,
        }
    }
}

/// What came of asking for a unit.
pub(crate) enum Claim<M: Migration> {
    /// It is ours.
    InHand(Box<InHand<M>>),
    /// There is nothing to do here.
    Done(UnitEnd),
}

/// Leases a unit, sweeps it, and settles it or gives it back.
pub(crate) async fn work<M: Migration>(run: Arc<Shared<M>>, wanted: Wanted) -> UnitEnd {
    let hand = if run.keeps_records() {
        let reopen = match wanted.from {
            Some(_) => Reopen::No,
            None => run.config.reopen,
        };
        match claim(&run, &wanted, reopen).await {
            Ok(Claim::InHand(hand)) => *hand,
            Ok(Claim::Done(end)) => return end,
            Err(failure) => return UnitEnd::Trouble(failure),
        }
    } else {
        match unrecorded(&run, &wanted.unit).await {
            Ok(hand) => hand,
            Err(failure) => return UnitEnd::Trouble(failure),
        }
    };
    let before = hand.lock().progress_with_known();
    if let Some(from) = wanted.from {
        let unit = before.unit.clone();
        tracing::info!(%unit, %from, "helping");
        run.events.publish(Event::UnitTaken { unit, from });
    }
    run.events.publish(Event::UnitLeased {
        unit: before.unit,
        counts: before.counts,
        reasons: before.reasons,
        taken_over: before.taken_over,
    });
    let Some(keeper) = hand.keeper.clone() else {
        return sweeps(&hand).await;
    };
    let mut sweeping = std::pin::pin!(sweeps(&hand));
    tokio::select! {
        biased;
        end = &mut sweeping => end,
        // The lease is lost: the sweep sees it and ends by itself.
        () = keep(&hand, &keeper) => sweeping.await,
    }
}

/// Asks for a unit. [`Reopen::Yes`] takes one that ended, too.
pub(crate) async fn claim<M: Migration>(
    run: &Arc<Shared<M>>,
    wanted: &Wanted,
    reopen: Reopen,
) -> Result<Claim<M>, Failure> {
    let (config, unit) = (&run.config, &wanted.unit);
    let take = match &wanted.dead {
        Some(held) => Take::Over {
            epoch: held.epoch,
            beat: held.beat,
        },
        None if config.adopt_own => Take::Mine(config.instance.clone()),
        None => Take::Free,
    };
    let asked = run.clock.moment();
    let grant = run
        .store
        .lease(unit, &config.instance, &config.run, &take, reopen);
    match grant.await.map_err(|error| error.failure())? {
        Grant::Leased { lease, progress } => {
            let (term, token) = (config.pace.lease_term, run.stop.abort_token());
            let is_first =
                lease.epoch == Epoch::default().next() && progress.status == Status::Pending;
            let keeper = Keeper::new(&run.store, lease, asked, term, token);
            let hand = in_hand(run, wanted, progress, keeper, is_first).await?;
            Ok(Claim::InHand(Box::new(hand)))
        }
        Grant::Busy(held) => Ok(Claim::Done(UnitEnd::Held(held))),
        // Somebody else was faster: whoever it was counts it.
        Grant::Ended { .. } if wanted.from.is_some() => Ok(Claim::Done(UnitEnd::Ended)),
        Grant::Ended { progress, by } => {
            let announced = unit.planned.unwrap_or(0);
            let (unit, status, counts) = (progress.unit, progress.status, progress.counts);
            run.events.publish(Event::UnitLeased {
                unit: unit.clone(),
                counts,
                reasons: progress.reasons,
                // What was ended by us before is no news.
                taken_over: progress.taken_over.filter(TakenOver::is_believed),
            });
            if let Some(by) = by.filter(|by| *by != config.instance) {
                run.events.publish(Event::EndedElsewhere {
                    unit: unit.clone(),
                    by,
                    counts,
                });
            }
            run.events.publish(Event::UnitSettled {
                unit,
                status,
                counts,
                announced,
            });
            Ok(Claim::Done(UnitEnd::Ended))
        }
    }
}

/// Puts together what the row and the checkpoint file know.
async fn in_hand<M: Migration>(
    run: &Arc<Shared<M>>,
    Wanted { unit, from, .. }: &Wanted,
    row: UnitProgress,
    keeper: Keeper,
    is_first: bool,
) -> Result<InHand<M>, Failure> {
    let failed_before = if is_first {
        Vec::new()
    } else {
        let failed = run.store.failed_items(&FailedQuery::unit(&unit.id)).await;
        failed.map_err(|error| error.failure())?
    };
    let failed_before = failed_before
        .into_iter()
        .map(|failed| (failed.item.clone(), failed));
    let taken_over = row.taken_over.is_some();
    let mark = resume(row, run.board.mark(&unit.id));
    let tracker = Arc::new(Mutex::new(Tracker::new(mark)));
    run.board.follow(&unit.id, &tracker);
    Ok(InHand {
        run: Arc::clone(run),
        context: run.context(&unit.id).taken_over(taken_over),
        tracker,
        token: keeper.token(),
        keeper: Some(Arc::new(keeper)),
        announced: unit.planned.unwrap_or(0),
        from: from.clone(),
        failed_before: Arc::new(failed_before.collect()),
    })
}

/// The further of row and file. The items above the cursor are of use only with the cursor they
/// belong to.
fn resume(row: UnitProgress, file: Option<Mark>) -> Mark {
    let (file, above) = file.map_or((None, BTreeMap::new()), |mark| {
        (Some(mark.progress), mark.above)
    });
    let progress = match &file {
        Some(file) => row.further(file.clone()),
        None => row,
    };
    let same = file.is_some_and(|file| {
        (file.round, file.sweep.number, &file.cursor)
            == (progress.round, progress.sweep.number, &progress.cursor)
    });
    Mark {
        progress,
        above: if same { above } else { BTreeMap::new() },
    }
}

/// A unit of which nothing is kept. Its row is only read.
pub(crate) async fn unrecorded<M: Migration>(
    run: &Arc<Shared<M>>,
    unit: &Unit,
) -> Result<InHand<M>, Failure> {
    let row = run.store.progress_row(&unit.id).await;
    let row = row.map_err(|error| error.failure())?;
    let foreign = row.is_some_and(|row| row.has_foreign_work());
    Ok(InHand {
        run: Arc::clone(run),
        context: run.context(&unit.id).taken_over(foreign),
        tracker: Arc::new(Mutex::new(Tracker::new(Mark {
            progress: UnitProgress::pending(unit),
            above: BTreeMap::new(),
        }))),
        keeper: None,
        from: None,
        token: run.stop.abort_token(),
        announced: unit.planned.unwrap_or(0),
        failed_before: Arc::default(),
    })
}

/// Sweeps until nothing new came.
async fn sweeps<M: Migration>(hand: &InHand<M>) -> UnitEnd {
    let settled_by = || hand.run.clock.unix_ms().saturating_sub(YOUNG_MS);
    if hand.progress().status.is_ended() {
        // The row was lost, the file knows better.
        return finish(hand).await;
    }
    hand.lock().change(|progress| {
        progress.status = Status::InProgress;
        progress.error = None;
        if progress.sweep.until == 0 {
            progress.sweep = Sweep::first(settled_by());
        }
    });
    if let Err(unwritten) = save(hand).await {
        return unsaved(hand, unwritten);
    }
    loop {
        // One that goes on where another process was knows nothing of what came below its cursor.
        let whole = hand.lock().progress().cursor.is_none();
        let (taken, deferred) = match sweep(hand).await {
            Swept::End { taken, deferred } => (taken, deferred),
            Swept::Stopped => return give_back(hand).await,
            Swept::Trouble(failure) => {
                give_back(hand).await;
                return UnitEnd::Trouble(failure);
            }
        };
        let this = hand.lock().progress().sweep;
        let nothing_new = whole && taken == 0 && deferred == 0;
        let was_last = this.until == u64::MAX || (this.number > 0 && nothing_new);
        if was_last {
            return finish(hand).await;
        }
        let mut next = this.next(settled_by());
        if next.number >= BOUNDED_SWEEPS {
            next.until = u64::MAX;
        }
        hand.lock().rewind(|progress| progress.sweep = next);
    }
}
