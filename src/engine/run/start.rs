//! Begins a run, hands it its job, and ends it.

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio_util::task::AbortOnDropHandle;

use crate::engine::holders::held_by;
use crate::engine::shared::Shared;
use crate::engine::{Config, Ended, Error, Job, Migration, Outcome, Parts};
use crate::model::{Class, Counts, Event, Failure, Reason, Settled, UnitId};
use crate::runtime::{Degree, Stop};
use crate::state::Held;

use super::again::Which;
use super::{background, chunks, failed, items, queue};

/// The file of result lines, after the instance's name.
const RESULTS: &str = "results.ndjson";

/// What was left over.
#[derive(Debug, Default)]
pub(super) struct Left {
    /// Units or items that were not settled.
    pub(super) unfinished: u64,
    pub(super) held: Vec<(UnitId, Held)>,
    pub(super) troubled: Vec<(UnitId, Failure)>,
    /// Units whose lease was lost.
    pub(super) lost: u64,
    /// Items that a retry took up.
    pub(super) retried: Counts,
    /// The bad ones of them, by reason.
    pub(super) retried_reasons: BTreeMap<Reason, u64>,
    /// Why not all that a retry is about could be read, if so.
    pub(super) unread: Option<Failure>,
    /// Owners whose rows are not the sum of their units.
    pub(super) unsummed: BTreeMap<Arc<str>, Failure>,
}

impl Left {
    /// Takes in what another was left with.
    pub(super) fn add(&mut self, other: Self) {
        self.unfinished += other.unfinished;
        self.lost += other.lost;
        self.held.extend(other.held);
        self.troubled.extend(other.troubled);
        self.unsummed.extend(other.unsummed);
        self.retried = self.retried.plus(&other.retried);
        for (reason, count) in other.retried_reasons {
            *self.retried_reasons.entry(reason).or_default() += count;
        }
        self.unread = self.unread.take().or(other.unread);
    }

    /// Counts items of a retry that are bad again.
    pub(super) fn settle_bad(&mut self, settled: Settled, reason: Reason, items: u64) {
        self.retried.settle_all(settled, items);
        *self.retried_reasons.entry(reason).or_default() += items;
    }

    fn open(&self) -> u64 {
        let units = self.held.len() + self.troubled.len();
        self.unfinished + self.lost + units as u64 + u64::from(self.unread.is_some())
    }
}

/// Runs a job to its end, or until it is stopped, and returns when everything is written and
/// every task of the run has ended. Dropping the future ends the run as a crash would.
pub async fn run<M: Migration>(
    parts: Parts<M>,
    config: Config,
    job: Job,
) -> Result<Outcome, Error> {
    // Who tries again what failed has no share of its own that an earlier process could have left.
    let adopt_own = config.adopt_own && !matches!(job, Job::Failed(_) | Job::Named(_));
    let config = Config {
        adopt_own,
        ..config
    };
    let run = Shared::open(&parts, config, RESULTS).await?;
    announce(&run, &job);
    let helpers = background::start(&run, parts.dependencies.clone()).await;
    let left = match job {
        Job::Units(units) => queue::units(&run, units).await,
        Job::Items(wanted) => items::items(&run, wanted).await,
        Job::Failed(wanted) => {
            let chunks = chunks::failed_items(&run.store, wanted);
            failed::failed(&run, chunks, which(false)).await
        }
        Job::Named(list) => {
            let chunks = chunks::named(&run.tasks, list);
            failed::failed(&run, chunks, which(true)).await
        }
    };
    drop(helpers);
    run.events.publish(Event::RunEnded);
    let keeps = run.keeps_records();
    background::write_files(&run).await?;
    if keeps {
        background::report(&run).await;
    }
    Ok(outcome(&run, left).await)
}

fn which(without_rows: bool) -> Which {
    Which {
        without_rows,
        recount: true,
    }
}

fn announce<M: Migration>(run: &Arc<Shared<M>>, job: &Job) {
    let (units, planned, asked) = match job {
        Job::Units(units) => (
            units.len(),
            units.iter().filter_map(|unit| unit.planned).sum(),
            None,
        ),
        Job::Items(items) => (0, items.len() as u64, Some(items.len())),
        // The counters of units that ended are told when they are opened.
        // So are the items that it takes up, piece by piece.
        Job::Failed(_) | Job::Named(_) => (0, 0, Some(0)),
    };
    run.events.publish(Event::RunStarted {
        run: run.config.run.clone(),
        instance: run.config.instance.clone(),
        migration: run.migration.name(),
        plan: run.config.plan.clone(),
        units: units as u64,
        planned,
        asked: asked.map(|items| items as u64),
    });
}

async fn outcome<M: Migration>(run: &Shared<M>, left: Left) -> Outcome {
    let (snapshot, unfinished) = (run.events.snapshot(), left.open());
    Outcome {
        ended: ended(run, &left).await,
        counts: snapshot.counts,
        retried: left.retried,
        retried_reasons: left.retried_reasons,
        helped: snapshot.helped.clone(),
        snapshot,
        unfinished,
        held: left.held,
        troubled: left.troubled,
        files: run.files.paths(),
    }
}

/// The worst that holds.
async fn ended<M: Migration>(run: &Shared<M>, left: &Left) -> Ended {
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

/// A task that ends with whoever waits for it.
pub(super) type Task<T> = AbortOnDropHandle<T>;
