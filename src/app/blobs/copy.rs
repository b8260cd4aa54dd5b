//! `blobs copy`: runs a job. Any number of processes and machines join by its name.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Result;
use serde::Serialize;

use super::open::{self, Opened};
use super::status;
use crate::app::reports::RunReport;
use crate::app::session::Work;
use crate::app::{CommandError, Ended, ProgressSink, Stop};
use crate::config::Settings;
use crate::engine::{Job, Retry};
use crate::migrations::blobs::Phase;
use crate::model::{Counts, Reason, RunId, StepCounts, StepName, shown};
use crate::state::Reopen;

/// Share of unexpected failures that stops a run.
const FAILURE_RATE: f64 = 0.05;

/// How a job is run.
#[derive(Debug, Clone)]
pub struct CopyOptions {
    /// The job.
    pub job: String,
    /// The number of this instance; the first that is free in the state folder if none is given.
    pub instance: Option<u32>,
    /// Blobs in flight.
    pub concurrency: usize,
    /// Ends the run after so many blobs.
    pub limit: Option<u64>,
    /// Drains after this time.
    pub max_duration: Option<Duration>,
    /// Tries the failed blobs again instead of what is left.
    pub retry: bool,
    /// Looks at every blob again.
    pub recheck: bool,
    /// Replaces what differs on the target; else it is refused.
    pub replace: bool,
}

/// What a copy came to.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CopyReport {
    /// The job.
    pub job: String,
    /// How far it is now.
    pub phase: &'static str,
    /// How the run ended.
    pub ended: Ended,
    /// Its id; `None` if there was nothing to do.
    pub run: Option<RunId>,
    /// What this run settled.
    #[serde(serialize_with = "shown")]
    pub this_run: Counts,
    /// Blobs of the job, as all runs left them.
    #[serde(serialize_with = "shown")]
    pub counts: Counts,
    /// What this run did, by step.
    pub steps: BTreeMap<StepName, StepCounts>,
    /// Failed, quarantined and unknown blobs, by reason.
    pub failures: BTreeMap<Reason, u64>,
    /// Units with work left.
    pub unfinished: u64,
    /// Wall time.
    pub seconds: f64,
    /// Where the checkpoint and the journal lie.
    pub files: Vec<PathBuf>,
}

impl CopyReport {
    fn of(opened: &Opened, report: RunReport<()>) -> Self {
        Self {
            job: opened.row.job.name.to_string(),
            phase: opened.row.phase.as_str(),
            ended: report.ended,
            run: report.run,
            this_run: report.this_run,
            counts: report.counts,
            steps: report.steps,
            failures: report.failures,
            unfinished: report.unfinished,
            seconds: report.seconds,
            files: report.files,
        }
    }
}

/// Copies what is left of a job.
///
/// # Errors
/// There is no such job, or it is rolled back; another process runs as this instance; backends or tables cannot be used.
pub async fn copy(
    settings: &Settings,
    options: CopyOptions,
    ends: (Stop, ProgressSink),
) -> Result<CopyReport> {
    let mut opened = open::job(settings, &options.job, options.replace).await?;
    match opened.row.phase {
        Phase::Planned | Phase::Migrating | Phase::Copied => {}
        Phase::Flipping | Phase::Completed if options.retry || options.recheck => {
            let next = "`sterna blobs verify --job JOB --deep` looks at the target; to copy again, roll back and plan a new job";
            return Err(opened.refuse("copy", next).into());
        }
        Phase::Flipping | Phase::Completed => {
            return Ok(CopyReport::of(&opened, RunReport::default()));
        }
        Phase::RollingBack => {
            let next = "finish it with `sterna blobs rollback --job JOB`";
            return Err(opened.refuse("copy", next).into());
        }
        Phase::RolledBack => return Err(opened.refuse("copy", open::ANOTHER).into()),
    }
    let report = run(&opened, &options, ends).await?;
    let target = &opened.session.workload.backends.target;
    if let Err(error) = target.tidy().await {
        tracing::warn!(%error, "what an earlier process left on the target was not removed");
    }
    let whole = status::counted(&opened).await?;
    let is_whole = report.ended == Ended::Finished && whole.unended == 0 && whole.counts.bad() == 0;
    opened
        .advance(if is_whole {
            Phase::Copied
        } else {
            Phase::Migrating
        })
        .await?;
    Ok(CopyReport {
        counts: whole.counts,
        failures: whole.failures,
        unfinished: whole.unended,
        ..CopyReport::of(&opened, report)
    })
}

async fn run(
    opened: &Opened,
    options: &CopyOptions,
    ends: (Stop, ProgressSink),
) -> Result<RunReport<()>> {
    let session = &opened.session;
    let job = opened.row.job.name.to_string();
    let (lock, instance) = session.lock_one(options.instance)?;
    let mut config = session.config(instance, options.concurrency)?;
    config.limit = options.limit;
    config.max_duration = options.max_duration;
    config.max_failure_rate = FAILURE_RATE;
    config.steal = !options.retry;
    config.owners = Some([job.clone()].into());
    if options.recheck {
        config.reopen = Reopen::Recheck(session.clock.now());
    }
    if options.retry {
        let failed = Retry {
            owners: [job].into(),
            ..Retry::default()
        };
        return Box::pin(session.run_locked(config, Job::RetryFailed(failed), (), ends)).await;
    }
    let units = opened.planned().await;
    let units = units.map_err(|error| CommandError::of_state(&error))?;
    Box::pin(session.migrate_under(&lock, config, Work::Units(units), ends)).await
}
