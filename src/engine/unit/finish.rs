//! The last writes of a unit: settled, or given back.

use crate::engine::Migration;
use crate::model::{Event, Invariant, Status, UnitProgress};
use crate::runtime::Moment;

use super::work::UnitEnd;
use super::{InHand, state_failure};

/// The last writes of a unit are not waited for any longer.
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(15);

/// Settles a unit that was swept to its end.
pub(crate) async fn finish<M: Migration>(hand: &InHand<M>) -> UnitEnd {
    debug_assert!(hand.lock().is_even(), "{}", Invariant::CompletedIsSwept);
    hand.lock().change(|progress| {
        progress.counts.close();
        progress.status = if progress.counts.bad() == 0 {
            Status::Completed
        } else {
            Status::Failed
        };
        progress.error = (progress.counts.bad() > 0).then(|| summary(progress));
    });
    if let Err(end) = save(hand).await {
        return end;
    }
    release(hand).await;
    let (status, counts) = {
        let tracker = hand.lock();
        (tracker.progress().status, tracker.progress().counts)
    };
    hand.run.events.publish(Event::UnitSettled {
        unit: hand.context.id.clone(),
        status,
        counts,
    });
    UnitEnd::Ended(status, counts)
}

/// Gives a unit back unfinished, with its cursor as far as it is.
pub(crate) async fn give_back<M: Migration>(hand: &InHand<M>) -> UnitEnd {
    if hand.keeper.as_ref().is_some_and(|keeper| {
        !keeper.is_trusted() && hand.run.stop.degree() < crate::runtime::Degree::Abort
    }) {
        hand.run.board.forget(&hand.context.id);
        hand.run.events.publish(Event::LeaseLost {
            unit: hand.context.id.clone(),
        });
        return UnitEnd::Lost;
    }
    // The checkpoint file has it all the same if this write fails.
    let saved = tokio::time::timeout(PATIENCE, save(hand)).await;
    if !matches!(saved, Ok(Err(UnitEnd::Lost))) {
        release(hand).await;
    }
    hand.run.events.publish(Event::UnitReleased {
        unit: hand.context.id.clone(),
    });
    UnitEnd::Released
}

/// Writes the row. An error is how the unit ends then.
pub(crate) async fn save<M: Migration>(hand: &InHand<M>) -> Result<(), UnitEnd> {
    let Some(keeper) = &hand.keeper else {
        return Ok(());
    };
    let progress = {
        let mut tracker = hand.lock();
        tracker.take_changed();
        tracker.progress().clone()
    };
    let now = hand.run.clock.unix_ms();
    match hand
        .run
        .store
        .save_progress(&keeper.lease(), &progress, now)
        .await
    {
        Ok(true) => Ok(()),
        Ok(false) => {
            keeper.lose();
            hand.run.board.forget(&hand.context.id);
            hand.run.events.publish(Event::LeaseLost {
                unit: hand.context.id.clone(),
            });
            Err(UnitEnd::Lost)
        }
        Err(error) => {
            hand.lock().keep_changed();
            Err(UnitEnd::Trouble(state_failure(&error)))
        }
    }
}

/// Gives the lease back; when that fails it runs out by itself.
pub(crate) async fn release<M: Migration>(hand: &InHand<M>) {
    hand.run.board.rest(&hand.context.id);
    let Some(keeper) = &hand.keeper else {
        return;
    };
    let lease = keeper.lease();
    let deadline = Moment::now() + PATIENCE;
    let released = hand.run.store.release(&lease, hand.run.clock.unix_ms());
    match tokio::time::timeout_at(deadline, released).await {
        Ok(Ok(_)) => {}
        Ok(Err(error)) => tracing::warn!(unit = %lease.unit, %error, "lease not given back"),
        Err(_) => tracing::warn!(unit = %lease.unit, "lease not given back in time"),
    }
}

/// `3 items need a look: 2 CORRUPT_CAR, 1 MISSING_BLOB`.
pub(crate) fn summary(progress: &UnitProgress) -> String {
    let reasons: Vec<String> = progress
        .reasons
        .iter()
        .map(|(reason, count)| format!("{count} {reason}"))
        .collect();
    format!(
        "{} items need a look: {}",
        progress.counts.bad(),
        reasons.join(", ")
    )
}
