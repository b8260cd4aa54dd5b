//! `blobs status`: how far jobs are, by their rows.

use std::collections::BTreeMap;

use anyhow::Result;
use serde::Serialize;

use super::open::{Opened, is_there, jobs, of_blobs};
use crate::app::{CommandError, Kind};
use crate::config::Settings;
use crate::migrations::blobs::{JobRow, Phase};
use crate::model::{Counts, Reason, shown};
use crate::state::Store;

/// How far a job is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct JobStatus {
    /// The job.
    pub job: String,
    /// URL of the backend that has the blobs.
    pub from: String,
    /// URL of the backend that is to have them.
    pub to: String,
    /// How far it is.
    pub phase: &'static str,
    /// The command that moves it on, if one does.
    pub next: Option<&'static str>,
    /// Its blobs, by outcome.
    #[serde(serialize_with = "shown")]
    pub counts: Counts,
    /// Failed, quarantined and unknown blobs, by reason.
    pub failures: BTreeMap<Reason, u64>,
    /// Bytes, as they were planned.
    pub bytes: u64,
    /// Instances that hold units of it now.
    pub held_by: Vec<String>,
}

/// One job, or all of them.
///
/// # Errors
/// There is no such job; those of the tables.
pub async fn status(settings: &Settings, name: Option<&str>) -> Result<Vec<JobStatus>> {
    let settings = of_blobs(settings)?;
    let none = || {
        let what = name.map_or_else(|| "list jobs".to_owned(), |name| format!("find job {name}"));
        CommandError::new(
            Kind::NotFound,
            what,
            "this state holds no such job",
            "plan one: `sterna blobs plan --job NAME --from URL --to URL`",
        )
    };
    if !is_there(&settings) {
        return Err(none().into());
    }
    let (store, jobs) = jobs(&settings, false).await?;
    let of_state = |error: crate::state::StateError| CommandError::of_state(&error);
    let mut rows = jobs.all().await.map_err(of_state)?;
    rows.retain(|row| name.is_none_or(|name| row.job.name.as_str() == name));
    rows.sort_by(|one, other| one.job.name.cmp(&other.job.name));
    if rows.is_empty() {
        return Err(none().into());
    }
    let mut found = Vec::new();
    for row in rows {
        found.push(of_row(&store, row).await?);
    }
    Ok(found)
}

/// What the rows of a job add up to.
#[derive(Debug, Default)]
pub(super) struct Counted {
    pub(super) counts: Counts,
    pub(super) failures: BTreeMap<Reason, u64>,
    /// Units that have not ended.
    pub(super) unended: u64,
    held_by: Vec<String>,
}

/// The sum of a job's rows.
pub(super) async fn counted(opened: &Opened) -> Result<Counted> {
    sum(&opened.session.store, &opened.row).await
}

async fn sum(store: &Store, row: &JobRow) -> Result<Counted> {
    let units = store.progress_of(row.job.name.as_str()).await;
    let units = units.map_err(|error| CommandError::of_state(&error))?;
    let mut sum = Counted::default();
    for unit in &units {
        sum.counts = sum.counts.plus(&unit.progress.counts);
        sum.unended += u64::from(!unit.progress.status.is_ended());
        for (reason, number) in &unit.progress.reasons {
            *sum.failures.entry(*reason).or_default() += number;
        }
        let holder = unit
            .lease
            .as_ref()
            .map(|lease| lease.holder.instance.to_string());
        sum.held_by.extend(holder);
    }
    sum.held_by.sort_unstable();
    sum.held_by.dedup();
    Ok(sum)
}

async fn of_row(store: &Store, row: JobRow) -> Result<JobStatus> {
    let sum = sum(store, &row).await?;
    Ok(JobStatus {
        job: row.job.name.to_string(),
        from: row.job.from,
        to: row.job.to,
        phase: row.phase.as_str(),
        next: next(row.phase, &sum),
        counts: sum.counts,
        failures: sum.failures,
        bytes: row.bytes,
        held_by: sum.held_by,
    })
}

/// The command that moves a job on.
fn next(phase: Phase, sum: &Counted) -> Option<&'static str> {
    match phase {
        Phase::Planned | Phase::Migrating if sum.unended == 0 && sum.counts.bad() > 0 => {
            Some("copy --retry")
        }
        Phase::Planned | Phase::Migrating => Some("copy"),
        Phase::Copied | Phase::Flipping => Some("flip"),
        Phase::RollingBack => Some("rollback"),
        Phase::Completed | Phase::RolledBack => None,
    }
}
