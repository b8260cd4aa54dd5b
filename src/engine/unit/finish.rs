//! The last writes of a unit: settled, or given back.

use crate::engine::Migration;
use crate::model::{Event, Invariant, Status, UnitProgress};
use crate::runtime::Degree;

use super::kept_back::KeptBack;
use super::work::UnitEnd;
use super::{InHand, Keeper, Unwritten};

/// The last writes of a unit are not waited for any longer.
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(15);

/// Settles a unit that was swept to its end.
pub(crate) async fn finish<M: Migration>(hand: &InHand<M>) -> UnitEnd {
    debug_assert!(hand.lock().is_even(), "{}", Invariant::CompletedIsSwept);
    let may_be_bad = !hand.failed_before.is_empty() || hand.progress().counts.bad() > 0;
    if may_be_bad && let Err(failure) = hand.recount().await {
        give_back(hand).await;
        return UnitEnd::Trouble(failure);
    }
    hand.lock().change(end);
    if let Err(unwritten) = release(hand).await {
        return unsaved(hand, unwritten);
    }
    let UnitProgress { status, counts, .. } = hand.progress();
    hand.run.events.publish(Event::UnitSettled {
        unit: hand.id.clone(),
        status,
        counts,
        announced: hand.announced,
    });
    UnitEnd::Ended
}

/// Gives a unit back unfinished, with its cursor as far as it is.
pub(crate) async fn give_back<M: Migration>(hand: &InHand<M>) -> UnitEnd {
    let aborted = hand.run.stop.degree() >= Degree::Abort;
    let trusted = hand
        .keeper
        .as_ref()
        .is_none_or(|keeper| keeper.is_trusted());
    if !trusted && !aborted {
        return unsaved(hand, Unwritten::Lost);
    }
    match tokio::time::timeout(PATIENCE, release(hand)).await {
        Ok(Err(Unwritten::Lost)) => return unsaved(hand, Unwritten::Lost),
        // The checkpoint file has it all the same; the lease runs out by itself.
        Ok(Err(Unwritten::Trouble(error))) => {
            tracing::warn!(unit = %hand.id, %error, "unit not released");
        }
        Err(_) => tracing::warn!(unit = %hand.id, "unit not released in time"),
        Ok(Ok(())) => {}
    }
    hand.run.board.rest(&hand.id);
    let unit = hand.id.clone();
    hand.run
        .events
        .publish(Event::UnitReleased { unit: unit.clone() });
    let is_over = hand.run.stop.degree() > Degree::Run || hand.run.gate.limit_reached();
    if is_over && hand.from.is_none() && unit.part.is_none() {
        // What was settled above an item without a last word is in no row: whoever goes on counts it again.
        let progress = hand.progress();
        hand.run.events.publish(Event::UnitCounted {
            unit,
            counts: progress.counts,
            reasons: progress.reasons,
            announced: hand.announced,
        });
    }
    UnitEnd::Released
}

/// How a unit ends whose row could not be written.
pub(crate) fn unsaved<M: Migration>(hand: &InHand<M>, unwritten: Unwritten) -> UnitEnd {
    let unit = hand.id.clone();
    match unwritten {
        Unwritten::Lost => {
            // Whoever holds it knows better.
            hand.run.board.forget(&unit);
            hand.run.events.publish(Event::LeaseLost { unit });
            UnitEnd::Lost
        }
        Unwritten::Trouble(error) => {
            hand.run.board.rest(&unit);
            hand.run.events.publish(Event::UnitReleased { unit });
            UnitEnd::Trouble(error.failure())
        }
    }
}

/// Writes the row.
pub(crate) async fn save<M: Migration>(hand: &InHand<M>) -> Result<(), Unwritten> {
    let Some(keeper) = &hand.keeper else {
        return Ok(());
    };
    hand.lock().take_changed();
    let saved = keeper.save(hand.told()).await;
    if saved.is_err() {
        hand.lock().keep_changed();
    }
    saved
}

/// Writes the row and gives the unit back.
pub(crate) async fn release<M: Migration>(hand: &InHand<M>) -> Result<(), Unwritten> {
    if let Some(keeper) = &hand.keeper {
        count_kept_back(hand, keeper).await?;
        keeper.release(hand.told()).await?;
    }
    if !hand.run.keeps_records() {
        return Ok(());
    }
    if hand.progress().status.is_ended() {
        // The row knows, and the file would grow with every unit that ends.
        hand.run.board.forget(&hand.id);
    } else {
        hand.run.board.rest(&hand.id);
    }
    Ok(())
}

/// Counts the items that a cause of the unit keeps back in their row, or removes it when none is any more: then the
/// counters are written before, so that a crash in between leaves a row that another retry finds empty.
async fn count_kept_back<M: Migration>(hand: &InHand<M>, keeper: &Keeper) -> Result<(), Unwritten> {
    let written = match hand.kept_back_now() {
        None => Ok(()),
        Some(KeptBack::Some(row)) => keeper.put_failed(&row).await,
        Some(KeptBack::Gone(item)) => {
            save(hand).await?;
            keeper.remove_failed(&item).await
        }
    };
    written.map_err(|error| {
        if error.is_lost_lease() {
            Unwritten::Lost
        } else {
            Unwritten::Trouble(error)
        }
    })
}

/// The status of a unit whose items all have their last word.
pub(crate) fn end(progress: &mut UnitProgress) {
    let good = progress.counts.bad() == 0;
    progress.counts.close();
    progress.status = if good {
        Status::Completed
    } else {
        Status::Failed
    };
    progress.error = (!good).then(|| summary(progress));
}

/// `3 items need attention: 2 CORRUPT_CAR, 1 MISSING_BLOB`.
fn summary(progress: &UnitProgress) -> String {
    let reasons: Vec<String> = progress
        .reasons
        .iter()
        .map(|(reason, count)| format!("{count} {reason}"))
        .collect();
    let what = match progress.counts.bad() {
        1 => "1 item needs".to_owned(),
        bad => format!("{bad} items need"),
    };
    format!("{what} attention: {}", reasons.join(", "))
}
