//! How a run ended.

use crate::engine::holders::held_by;
use crate::engine::shared::Core;
use crate::engine::{Ended, EngineError, Migration};
use crate::model::{Class, Failure, Reason, UnitId};
use crate::runtime::{Stop, StopLevel};

use super::remaining::Remaining;

/// The worst that holds.
///
/// # Errors
/// [`EngineError::Failed`] if nothing could work.
pub(crate) async fn ended<M: Migration>(
    run: &Core<M>,
    remaining: &Remaining,
) -> Result<Ended, EngineError> {
    if let Some(failure) = run.fatal() {
        return Err(EngineError::Failed(failure));
    }
    if let Some(reason) = run.health.broken() {
        return Ok(Ended::Safety { reason });
    }
    if remaining.open() == 0 {
        return Ok(finished(remaining));
    }
    if run.stop.level() > StopLevel::Run {
        return Ok(Ended::Stopped {
            reason: stopped(&run.stop),
            aborted: run.stop.level() >= StopLevel::Abort,
        });
    }
    if let Some(failure) = &remaining.unread {
        return match failure.class {
            Class::Fatal => Err(EngineError::Failed(failure.clone())),
            _ => Ok(Ended::Trouble {
                reason: format!("not all of it could be read: {failure}"),
            }),
        };
    }
    let is_held = |(_, failure): &(UnitId, Failure)| failure.reason == Reason::LEASE_LOST;
    if let Some((_, failure)) = remaining
        .troubled
        .first()
        .filter(|_| remaining.troubled.iter().all(is_held))
    {
        let more = remaining.troubled.len() - 1;
        let reason = format!("{} (and {more} more)", failure.message);
        return Ok(Ended::Held { reason });
    }
    if let Some((unit, failure)) = remaining.troubled.first() {
        let number = remaining.troubled.len();
        let reason = format!("{failure} (units without an end: {number}, the first is {unit})");
        return Ok(Ended::Trouble { reason });
    }
    if run.admission.limit_reached() {
        return Ok(Ended::Limit);
    }
    let held = held_by(&run.store, &run.config, &remaining.held).await;
    let lost = || format!("the leases of {} units were lost", remaining.lost);
    Ok(Ended::Held {
        reason: held.unwrap_or_else(lost),
    })
}

/// Why it was stopped, and why it did not wait for what was in flight.
fn stopped(stop: &Stop) -> String {
    let reason = stop.reason().unwrap_or("on request");
    match stop.abort_reason().filter(|abort| *abort != reason) {
        Some(abort) => format!("{reason}; {abort}"),
        None => reason.to_owned(),
    }
}

/// Nothing is open: the rows of owners may not say so yet.
fn finished(remaining: &Remaining) -> Ended {
    let Some((owner, failure)) = remaining.unsummed.first_key_value() else {
        return Ended::Finished;
    };
    let number = remaining.unsummed.len();
    let reason = format!(
        "all is done, and the rows of {number} owners do not say so yet, the first is {owner} ({failure}): the same \
         command again sums them up"
    );
    Ended::Trouble { reason }
}
