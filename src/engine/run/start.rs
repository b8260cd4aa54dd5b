//! Starts a run, does its job, and ends it.

use std::sync::Arc;

use futures::stream::BoxStream;
use futures::{StreamExt, TryStreamExt};

use crate::engine::shared::Shared;
use crate::engine::{Config, EngineError, Job, Migration, Outcome, RunParts};
use crate::model::{Event, Failure};

use super::ending::ended;
use super::items::{Chunk, Which, failed_items, named, pieces, single};
use super::queue::Queue;
use super::remaining::Remaining;
use super::{background, units};

/// The end of the name of the results file.
const RESULTS: &str = "results.ndjson";

/// Runs a job until it ends or is stopped, and returns when everything is written. Dropping the future is like a crash.
///
/// # Errors
/// [`EngineError::Failed`] if nothing could work. The local files cannot be used or written, or belong to other tables.
pub async fn run<M: Migration>(
    parts: RunParts<M>,
    config: Config,
    job: Job,
) -> Result<Outcome, EngineError> {
    let is_retry = matches!(job, Job::RetryFailed(_) | Job::RetryListed(_));
    // A retry adopts no leases of an earlier process.
    let config = Config {
        adopt_own: config.adopt_own && !is_retry,
        ..config
    };
    let run = Shared::open(&parts, config, RESULTS).await?;
    announce(&run, &job);
    let helpers = background::start(&run).await;
    let remaining = match job {
        Job::Units(units) => {
            let mut queue = Queue::new(&run, units);
            units::all(&run, &mut queue).await;
            queue.close().await
        }
        Job::Items(items) => pieces(&run, single(items), None).await,
        Job::RetryFailed(wanted) => {
            let chunks = failed_items(&run.store, wanted);
            retry(&run, chunks, false).await
        }
        Job::RetryListed(list) => retry(&run, named(&run.tasks, list), true).await,
    };
    drop(helpers);
    run.events.publish(Event::RunEnded);
    let keeps = run.keeps_records();
    background::write_files(&run).await?;
    if keeps {
        background::report(&run).await;
    }
    outcome(&run, remaining, is_retry).await
}

/// Retries items under the leases of their units.
async fn retry<M: Migration>(
    run: &Arc<Shared<M>>,
    chunks: BoxStream<'static, Result<Chunk, Failure>>,
    without_rows: bool,
) -> Remaining {
    let events = run.events.clone();
    let chunks = chunks.inspect_ok(move |(_, items)| {
        let items = items.len() as u64;
        events.publish(Event::ItemsAsked { items });
    });
    let which = Which {
        without_rows,
        recount: true,
    };
    pieces(run, chunks.boxed(), Some(which)).await
}

fn announce<M: Migration>(run: &Arc<Shared<M>>, job: &Job) {
    let (units, planned, asked) = match job {
        Job::Units(units) => (
            units.len(),
            units.iter().filter_map(|unit| unit.planned).sum(),
            None,
        ),
        Job::Items(items) => (0, items.len() as u64, Some(items.len())),
        // Units and items are counted as they are read, piece by piece.
        Job::RetryFailed(_) | Job::RetryListed(_) => (0, 0, Some(0)),
    };
    run.announce(units as u64, planned, asked.map(|items| items as u64));
}

async fn outcome<M: Migration>(
    run: &Shared<M>,
    remaining: Remaining,
    is_retry: bool,
) -> Result<Outcome, EngineError> {
    let (snapshot, unfinished) = (run.events.snapshot(), remaining.open());
    let ended = ended(run, &remaining).await?;
    let (this_run, counts, reasons) = if is_retry {
        let retried = remaining.retried;
        (retried, retried, remaining.retried_reasons)
    } else {
        (snapshot.this_run, snapshot.counts, snapshot.reasons.clone())
    };
    Ok(Outcome {
        ended,
        this_run,
        counts,
        reasons,
        helped: snapshot.helped.clone(),
        snapshot,
        unfinished,
        held: remaining.held,
        troubled: remaining.troubled,
        files: run.files.paths(),
    })
}
