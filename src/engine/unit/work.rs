//! The life of a unit in this process.

use std::sync::Arc;

use crate::engine::Migration;
use crate::engine::shared::Shared;
use crate::model::{Event, Failure, Status, Sweep};
use crate::state::{Held, Reopen};

use super::InHand;
use super::alone::steps_alone;
use super::claim::{Claim, Wanted, claim, unrecorded};
use super::finish::{finish, give_back, save, unsaved};
use super::keeper::keep;
use super::parts::{Interrupted, share};
use super::sweep::{Swept, sweep};

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

/// Leases a unit, sweeps it, and settles it or gives it back.
pub(crate) async fn work<M: Migration>(run: Arc<Shared<M>>, wanted: Wanted) -> UnitEnd {
    let hand = if run.keeps_records() {
        let reopen = match wanted.from {
            None if wanted.unit.id.part.is_none() => run.config.reopen,
            _ => Reopen::No,
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
        return if run.steps.is_empty() {
            steps_alone(&hand).await
        } else {
            sweeps(&hand).await
        };
    };
    let mut sweeping = std::pin::pin!(sweeps(&hand));
    tokio::select! {
        biased;
        end = &mut sweeping => end,
        // The lease is lost: the sweep sees it and ends by itself.
        () = keep(&hand, &keeper) => sweeping.await,
    }
}

/// Sweeps until nothing new came; a part is swept once.
pub(crate) async fn sweeps<M: Migration>(hand: &InHand<M>) -> UnitEnd {
    let settled_by = settled_by(hand);
    hand.lock().change(|progress| {
        progress.status = Status::InProgress;
        progress.error = None;
        if progress.sweep.until == 0 {
            progress.sweep = Sweep::first(settled_by);
        }
    });
    if let Err(unwritten) = save(hand).await {
        return unsaved(hand, unwritten);
    }
    let is_part = hand.id.part.is_some();
    if !is_part && let Err(interrupted) = share(hand, |this| next_after(hand, this)).await {
        return match interrupted {
            Interrupted::Stopped => give_back(hand).await,
            Interrupted::Unwritten(unwritten) => unsaved(hand, unwritten),
            Interrupted::Trouble(failure) => troubled(hand, failure).await,
        };
    }
    loop {
        // One that goes on where another process was knows nothing of what came below its cursor.
        let whole = hand.lock().progress().cursor.is_none();
        let (taken, deferred) = match sweep(hand).await {
            Swept::End { taken, deferred } => (taken, deferred),
            Swept::Stopped => return give_back(hand).await,
            Swept::Trouble(failure) => return troubled(hand, failure).await,
        };
        let this = hand.lock().progress().sweep;
        let nothing_new = whole && taken == 0 && deferred == 0;
        let was_last = this.until == u64::MAX || (this.number > 0 && nothing_new);
        if was_last || is_part {
            return finish(hand).await;
        }
        let next = next_after(hand, this);
        hand.lock().rewind(|progress| progress.sweep = next);
    }
}

async fn troubled<M: Migration>(hand: &InHand<M>, failure: Failure) -> UnitEnd {
    give_back(hand).await;
    UnitEnd::Trouble(failure)
}

/// Items that came before this can be seen by now.
fn settled_by<M: Migration>(hand: &InHand<M>) -> u64 {
    hand.run.clock.unix_ms().saturating_sub(YOUNG_MS)
}

fn next_after<M: Migration>(hand: &InHand<M>, this: Sweep) -> Sweep {
    let mut next = this.next(settled_by(hand));
    if next.number >= BOUNDED_SWEEPS {
        next.until = u64::MAX;
    }
    next
}
