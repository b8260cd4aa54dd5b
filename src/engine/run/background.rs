//! Background tasks of a run: checkpoints, reports, control, throttles, time limits.

use std::sync::Arc;
use std::time::Duration;

use tokio_util::task::AbortOnDropHandle;

use crate::engine::record::empty_checkpoint;
use crate::engine::shared::{Core, Shared};
use crate::engine::{EngineError, Migration, Pace, holds};
use crate::model::{Event, Failure, InstanceReport, Reason};
use crate::runtime::{Instant, ServiceRegistry, StopLevel, Tasks};

use super::{control, watchdog};

/// How often the time of a drain is checked.
const POLL_EVERY: Duration = Duration::from_secs(1);

/// Applies the control of the instance, then starts the background tasks. Dropping the handles ends them.
pub(crate) async fn start<M: Migration>(run: &Arc<Shared<M>>) -> Vec<AbortOnDropHandle<()>> {
    let heard = control::first(run).await;
    vec![
        spawn(
            run,
            &run.tasks,
            |run| async move { checkpoints(&run).await },
        ),
        spawn(
            run,
            &run.tasks,
            |run| async move { watchdog::watch(&run).await },
        ),
        spawn(run, &run.tasks, |run| async move {
            holds::show(&run.events, &run.dependencies).await;
        }),
        spawn(
            run,
            &run.tasks,
            |run| async move { time_limits(&run).await },
        ),
        spawn(run, &run.tasks, |run| async move { reports(&run).await }),
        spawn(run, &run.tasks, |run| async move {
            control::listen(&run, heard).await;
        }),
    ]
}

/// Starts a background task. Dropping the handle ends it.
pub(crate) fn spawn<R, F>(
    run: &Arc<R>,
    tasks: &Tasks,
    task: impl FnOnce(Arc<R>) -> F,
) -> AbortOnDropHandle<()>
where
    F: Future<Output = ()> + Send + 'static,
{
    AbortOnDropHandle::new(tasks.spawn(task(Arc::clone(run))))
}

/// Writes results and checkpoint by count and time.
async fn checkpoints<M: Migration>(run: &Arc<Shared<M>>) {
    loop {
        tokio::select! {
            biased;
            () = tokio::time::sleep(run.config.pace.checkpoint_every) => {}
            () = run.files.full() => {}
        }
        if !run.files.is_due() {
            continue;
        }
        if let Err(error) = write_files(run).await {
            let source = std::error::Error::source(&error).map(ToString::to_string);
            let text = format!("{error}: {}", source.unwrap_or_default());
            run.die(&Failure::fatal(Reason::STATE_UNAVAILABLE, text));
            return;
        }
    }
}

/// Writes results and checkpoint now. The write finishes even if its caller is dropped, because it took lines out of
/// memory.
pub(crate) async fn write_files<M: Migration>(run: &Arc<Shared<M>>) -> Result<(), EngineError> {
    let shared = Arc::clone(run);
    let writing = run.tasks.spawn(async move {
        let checkpoints = shared.keeps_records().then(|| {
            let mut empty = empty_checkpoint(&shared.config, shared.migration.name());
            empty.taken_at = shared.clock.now();
            (&shared.checkpoints, empty)
        });
        shared.files.write(&shared.tasks, checkpoints).await
    });
    writing.await.unwrap_or_else(|source| {
        Err(EngineError::File {
            path: run.store.config().dir.clone(),
            source: std::io::Error::other(source),
        })
    })
}

/// Drains when the time limit is reached, and aborts a drain that takes too long.
async fn time_limits<M: Migration>(run: &Shared<M>) {
    until_drained(run).await;
    let why = overdue(&run.config.pace, &run.dependencies).await;
    run.stop.request(StopLevel::Abort, &why);
}

/// Drains when the time limit is reached. Returns when the run drains for any reason.
pub(crate) async fn until_drained<M: Migration>(run: &Core<M>) {
    let over = async {
        match run.config.max_duration {
            Some(most) => tokio::time::sleep(most).await,
            None => std::future::pending().await,
        }
    };
    tokio::select! {
        biased;
        () = over => run.drain("the time limit is reached"),
        () = run.stop.reached(StopLevel::Drain) => {
            let reason = run.stop.reason().unwrap_or("on request").to_owned();
            run.events.publish(Event::Draining { reason });
        }
    }
}

/// Waits until a drain has taken too long, and returns the reason. Waiting for a service that is down has a shorter
/// limit.
async fn overdue(pace: &Pace, dependencies: &ServiceRegistry) -> String {
    let began = Instant::now();
    let mut down_since = None;
    while began.elapsed() < pace.drain_within {
        let down: Vec<String> = dependencies
            .holds()
            .into_iter()
            .filter(|hold| hold.limit == 0)
            .map(|hold| hold.name)
            .collect();
        if down.is_empty() {
            down_since = None;
        } else if down_since.get_or_insert_with(Instant::now).elapsed() >= pace.drain_down_within {
            let within = pace.drain_down_within.as_secs();
            return format!("the drain waited {within} s for {}", down.join(" and "));
        }
        tokio::time::sleep(POLL_EVERY).await;
    }
    "the drain took too long".to_owned()
}

/// Reports to the fleet table.
async fn reports<M: Migration>(run: &Shared<M>) {
    while run.keeps_records() {
        report(run).await;
        tokio::time::sleep(run.config.pace.report_every).await;
    }
}

/// Writes the fleet row once. An error is only logged, because the next report follows soon.
pub(crate) async fn report<M: Migration>(run: &Shared<M>) {
    let now = run.clock.now();
    let report = run.events.read(|seen| InstanceReport {
        instance: run.config.instance.clone(),
        folder: run.config.folder.clone(),
        run: run.config.run.clone(),
        migration: run.migration.name(),
        host: run.config.host.clone(),
        pid: std::process::id(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        plan: run.config.plan.clone(),
        started_at: seen.started_at,
        heartbeat_at: now,
        state: match (seen.ended, &seen.draining, &seen.paused) {
            (true, ..) => "ended",
            (_, Some(_), _) => "draining",
            (_, _, Some(_)) => "paused",
            _ => "running",
        }
        .to_owned(),
        note: seen.draining.clone().or_else(|| seen.paused.clone()),
        counts: seen.counts,
        reasons: seen.reasons.clone(),
        helped: seen.helped.clone(),
        elsewhere: seen.elsewhere,
        units_planned: seen.units.planned,
        units_ended: seen.units.completed + seen.units.failed,
        in_flight: seen.in_flight,
        items_per_minute: seen.items_per_minute(now),
        concurrency: run.admission.size(),
        rate: run.admission.rate(),
        throttles: seen.throttles.clone(),
        warnings: seen.warnings.clone(),
    });
    match run.store.report(&report).await {
        Ok(true) => {}
        Ok(false) => {
            tracing::warn!(instance = %run.config.instance, "a newer run of this instance reports");
        }
        Err(error) => tracing::warn!(%error, "fleet row not written"),
    }
}
