//! Begins a run, hands it its job, and ends it.

use std::sync::Arc;

use tokio_util::task::AbortOnDropHandle;

use crate::engine::shared::Shared;
use crate::engine::{Config, Ended, Error, Job, Migration, Outcome, Parts};
use crate::model::{Event, Failure, InstanceId, Reason, UnitId};
use crate::runtime::Degree;

use super::{background, failed, items, queue};

/// The file of result lines, after the instance's name.
const RESULTS: &str = "results.ndjson";

/// What was left over.
#[derive(Debug, Default)]
pub(super) struct Left {
    /// Units or items that were not settled.
    pub(super) unfinished: u64,
    pub(super) held: Vec<(UnitId, InstanceId)>,
    pub(super) troubled: Vec<(UnitId, Failure)>,
    /// Units whose lease was lost.
    pub(super) lost: u64,
}

impl Left {
    /// Takes in what another was left with.
    pub(super) fn add(&mut self, other: Self) {
        self.unfinished += other.unfinished;
        self.lost += other.lost;
        self.held.extend(other.held);
        self.troubled.extend(other.troubled);
    }

    fn open(&self) -> u64 {
        self.unfinished + self.lost + (self.held.len() + self.troubled.len()) as u64
    }
}

/// Runs a job to its end, or until it is stopped, and returns when everything is written and
/// every task of the run has ended. Dropping the future ends the run as a crash would.
pub async fn run<M: Migration>(
    parts: Parts<M>,
    config: Config,
    job: Job,
) -> Result<Outcome, Error> {
    let run = Shared::open(&parts, config, RESULTS).await?;
    announce(&run, &job);
    let helpers = background::start(&run, parts.dependencies.clone()).await;
    let left = match job {
        Job::Units(units) => queue::units(&run, units).await,
        Job::Items(wanted) => items::items(&run, wanted).await,
        Job::Failed(wanted) => failed::failed(&run, wanted).await,
    };
    drop(helpers);
    run.events.publish(Event::RunEnded);
    let keeps = run.keeps_records();
    background::write_files(&run).await?;
    if keeps {
        background::report(&run).await;
    }
    Ok(outcome(&run, left))
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
        Job::Failed(items) => (0, 0, Some(items.len())),
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

fn outcome<M: Migration>(run: &Shared<M>, left: Left) -> Outcome {
    let snapshot = run.events.snapshot();
    Outcome {
        ended: ended(run, &left),
        counts: snapshot.counts,
        helped: snapshot.helped.clone(),
        snapshot,
        unfinished: left.open(),
        held: left.held,
        troubled: left.troubled,
        files: run.files.paths(),
    }
}

/// The worst that holds.
fn ended<M: Migration>(run: &Shared<M>, left: &Left) -> Ended {
    if let Some(failure) = run.fatal() {
        return Ended::Fatal(failure);
    }
    if let Some(reason) = run.health.broken() {
        return Ended::Safety { reason };
    }
    if left.open() == 0 {
        return Ended::Finished;
    }
    if run.stop.degree() > Degree::Run {
        return Ended::Stopped {
            reason: run.stop.reason().unwrap_or("asked to").to_owned(),
            aborted: run.stop.degree() >= Degree::Abort,
        };
    }
    let is_held = |(_, failure): &(UnitId, Failure)| failure.reason == Reason::LeaseLost;
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
        let more = left.troubled.len() - 1;
        let reason = format!("{unit}: {failure} (and {more} more)");
        return Ended::Trouble { reason };
    }
    if run.gate.limit_reached() {
        return Ended::Limit;
    }
    let holders: std::collections::BTreeSet<_> =
        left.held.iter().map(|(_, by)| by.as_str()).collect();
    let reason = if holders.is_empty() {
        format!("the leases of {} units were lost", left.lost)
    } else {
        let holders: Vec<_> = holders.into_iter().collect();
        format!(
            "{} units are held by instance {}",
            left.held.len(),
            holders.join(", ")
        )
    };
    Ended::Held { reason }
}

/// A task that ends with whoever waits for it.
pub(super) type Task<T> = AbortOnDropHandle<T>;
