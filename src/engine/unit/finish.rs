//! The last writes of a unit: ended, or released.

use crate::engine::Migration;
use crate::engine::lease::{LeaseGuard, SaveError};
use crate::model::{Event, Invariant, Status, UnitProgress};
use crate::runtime::StopLevel;

use super::LeasedUnit;
use super::end::{Interrupted, UnitEnd};
use super::kept_back::KeptBack;

/// The longest wait for the last writes of a unit.
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(15);

/// Ends a unit that was listed completely.
pub(crate) async fn finish<M: Migration>(leased: &LeasedUnit<M>) -> UnitEnd {
    debug_assert!(leased.lock().is_even(), "{}", Invariant::CompletedIsListed);
    let may_be_bad = !leased.failed_before.is_empty() || leased.progress().counts.bad() > 0;
    if may_be_bad && let Err(failure) = leased.recount().await {
        return leave(leased, Interrupted::Failed(failure)).await;
    }
    leased.lock().change(end);
    if let Err(save_error) = release(leased).await {
        return on_save_failed(leased, save_error);
    }
    let UnitProgress { status, counts, .. } = leased.progress();
    leased.run.events.publish(Event::UnitSettled {
        unit: leased.id.clone(),
        status,
        counts,
        announced: leased.announced,
    });
    UnitEnd::Ended
}

/// Ends an interrupted unit.
pub(super) async fn leave<M: Migration>(
    leased: &LeasedUnit<M>,
    interrupted: Interrupted,
) -> UnitEnd {
    match interrupted {
        Interrupted::Stopped => release_unfinished(leased).await,
        Interrupted::NotSaved(error) => on_save_failed(leased, error),
        Interrupted::Failed(failure) => {
            release_unfinished(leased).await;
            UnitEnd::Failed(failure)
        }
    }
}

/// Releases a unit before it ended, with its current cursor.
async fn release_unfinished<M: Migration>(leased: &LeasedUnit<M>) -> UnitEnd {
    let aborted = leased.run.stop.level() >= StopLevel::Abort;
    let trusted = leased.lease.as_ref().is_none_or(|lease| lease.is_trusted());
    if !trusted && !aborted {
        return on_save_failed(leased, SaveError::Lost);
    }
    match tokio::time::timeout(PATIENCE, release(leased)).await {
        Ok(Err(SaveError::Lost)) => return on_save_failed(leased, SaveError::Lost),
        // The checkpoint file has the progress, and the lease will expire.
        Ok(Err(SaveError::State(error))) => {
            tracing::warn!(unit = %leased.id, %error, "unit not released");
        }
        Err(_) => tracing::warn!(unit = %leased.id, "unit not released in time"),
        Ok(Ok(())) => {}
    }
    leased.run.checkpoints.rest(&leased.id);
    let unit = leased.id.clone();
    leased
        .run
        .events
        .publish(Event::UnitReleased { unit: unit.clone() });
    let is_over = leased.run.stop.level() > StopLevel::Run || leased.run.admission.limit_reached();
    if is_over && leased.helping.is_none() && unit.part.is_none() {
        // Items settled above the cursor are in no row: the next holder counts them again.
        let progress = leased.progress();
        leased.run.events.publish(Event::UnitCounted {
            unit,
            counts: progress.counts,
            reasons: progress.reasons,
            announced: leased.announced,
        });
    }
    UnitEnd::Released
}

/// Ends a unit whose row could not be written.
pub(crate) fn on_save_failed<M: Migration>(
    leased: &LeasedUnit<M>,
    save_error: SaveError,
) -> UnitEnd {
    let unit = leased.id.clone();
    match save_error {
        SaveError::Lost => {
            // The new holder has the valid progress.
            leased.run.checkpoints.forget(&unit);
            leased.run.events.publish(Event::LeaseLost { unit });
            UnitEnd::Lost
        }
        SaveError::State(error) => {
            leased.run.checkpoints.rest(&unit);
            leased.run.events.publish(Event::UnitReleased { unit });
            UnitEnd::Failed(error.failure())
        }
    }
}

/// Writes the row.
pub(crate) async fn save<M: Migration>(leased: &LeasedUnit<M>) -> Result<(), SaveError> {
    let Some(lease) = &leased.lease else {
        return Ok(());
    };
    leased.lock().take_changed();
    let saved = lease.save(leased.durable_progress()).await;
    if saved.is_err() {
        leased.lock().keep_changed();
    }
    saved
}

/// Writes the row and releases the unit.
pub(crate) async fn release<M: Migration>(leased: &LeasedUnit<M>) -> Result<(), SaveError> {
    if let Some(lease) = &leased.lease {
        count_kept_back(leased, lease).await?;
        lease.release(leased.durable_progress()).await?;
    }
    if !leased.run.keeps_records() {
        return Ok(());
    }
    if leased.progress().status.is_ended() {
        // The row says so, and the file must not grow with every ended unit.
        leased.run.checkpoints.forget(&leased.id);
    } else {
        leased.run.checkpoints.rest(&leased.id);
    }
    Ok(())
}

/// Writes the number of blocked items into their row, or removes the row if none is left. Then the counters are written
/// first, so that after a crash another retry finds the row obsolete.
async fn count_kept_back<M: Migration>(
    leased: &LeasedUnit<M>,
    lease: &LeaseGuard,
) -> Result<(), SaveError> {
    let written = match leased.kept_back_now() {
        None => Ok(()),
        Some(KeptBack::Some(row)) => lease.put_failed(&row).await,
        Some(KeptBack::Gone(item)) => {
            save(leased).await?;
            lease.remove_failed(&item).await
        }
    };
    Ok(written?)
}

/// Sets the status of a unit whose items are all settled.
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
