//! How a run ended.

use crate::engine::holders::held_by;
use crate::engine::shared::Core;
use crate::engine::{Ended, Migration};
use crate::model::{Class, Failure, Reason, UnitId};
use crate::runtime::{Degree, Stop};

use super::remaining::Left;

/// The worst that holds.
pub(crate) async fn ended<M: Migration>(run: &Core<M>, left: &Left) -> Ended {
    if let Some(failure) = run.fatal() {
        return Ended::Fatal(failure);
    }
    if let Some(reason) = run.health.broken() {
        return Ended::Safety { reason };
    }
    if left.open() == 0 {
        return finished(left);
    }
    if run.stop.degree() > Degree::Run {
        return Ended::Stopped {
            reason: stopped(&run.stop),
            aborted: run.stop.degree() >= Degree::Abort,
        };
    }
    if let Some(failure) = &left.unread {
        return match failure.class {
            Class::Fatal => Ended::Fatal(failure.clone()),
            _ => Ended::Trouble {
                reason: format!("not all of it could be read: {failure}"),
            },
        };
    }
    let is_held = |(_, failure): &(UnitId, Failure)| failure.reason == Reason::LEASE_LOST;
    if let Some((_, failure)) = left
        .troubled
        .first()
        .filter(|_| left.troubled.iter().all(is_held))
    {
        let more = left.troubled.len() - 1;
        let reason = format!("{} (and {more} more)", failure.message);
        return Ended::Held { reason };
    }
    if let Some((unit, failure)) = left.troubled.first() {
        let number = left.troubled.len();
        let reason = format!("{failure} (units without an end: {number}, the first is {unit})");
        return Ended::Trouble { reason };
    }
    if run.gate.limit_reached() {
        return Ended::Limit;
    }
    let held = held_by(&run.store, &run.config, &left.held).await;
    let lost = || format!("the leases of {} units were lost", left.lost);
    Ended::Held {
        reason: held.unwrap_or_else(lost),
    }
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
fn finished(left: &Left) -> Ended {
    let Some((owner, failure)) = left.unsummed.first_key_value() else {
        return Ended::Finished;
    };
    let number = left.unsummed.len();
    let reason = format!(
        "all is done, and the rows of {number} owners do not say so yet, the first is {owner} ({failure}): the same \
         command again sums them up"
    );
    Ended::Trouble { reason }
}
