//! `blobs plan`: counts the blobs of a job and writes its row.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::Result;
use futures::StreamExt as _;
use serde::Serialize;

use super::open::{self, backend, is_there, jobs, of_backend, of_blobs};
use crate::app::{CommandError, Kind, ProgressSink, ProgressUpdate, Stop, unless_stopped};
use crate::client::blobs::{Backend, BackendUrl, Entry, Relation};
use crate::config::Settings;
use crate::migrations::blobs::{Job, JobName, JobRow, Jobs, Layout, Phase, Pointer};
use crate::model::{InstanceId, Unit, UnitId};

/// Things left out that are named.
const NAMED: usize = 20;
/// Entries between two updates of the display.
const SHOW_EVERY: u64 = 1_000;

/// What is to be planned.
#[derive(Debug, Clone)]
pub struct PlanOptions {
    /// The name of the job.
    pub job: String,
    /// URL of the backend that has the blobs.
    pub from: String,
    /// URL of the backend that is to have them.
    pub to: String,
    /// How keys are made.
    pub layout: String,
    /// The file that says which backend readers ask, if one does.
    pub pointer: Option<String>,
    /// Say what there is and write nothing.
    pub dry_run: bool,
}

/// What a plan found.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct PlanReport {
    /// The job.
    pub job: String,
    /// URL of the backend that has the blobs.
    pub from: String,
    /// URL of the backend that is to have them.
    pub to: String,
    /// Both are one place: there is nothing to do, and nothing was written.
    pub same_place: bool,
    /// Nothing was written.
    pub dry_run: bool,
    /// The job was planned before, the same.
    pub was_planned: bool,
    /// Blobs of the source.
    pub blobs: u64,
    /// Their bytes.
    pub bytes: u64,
    /// What the job leaves alone.
    pub left: Left,
}

/// What a listing showed that is not copied.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Left {
    /// Things that are not blobs: links, pipes, sockets, devices.
    pub not_blobs: u64,
    /// Blobs that no backend key can name, or that the target cannot hold.
    pub unrepresentable: u64,
    /// Blobs whose keys the layout does not make.
    pub not_of_layout: u64,
    /// The first of them, with the reason.
    pub named: Vec<String>,
}

impl Left {
    fn name(&mut self, name: &str, why: &str) {
        if self.named.len() < NAMED {
            self.named.push(format!("{name}: {why}"));
        }
    }
}

/// How much each unit has.
type Counted = BTreeMap<String, u64>;

/// Plans a job, or says that it is planned already.
///
/// # Errors
/// A URL or layout is wrong; one backend lies inside the other; a job of this name is another one; backends or tables
/// cannot be used.
pub async fn plan(
    settings: &Settings,
    options: PlanOptions,
    (stop, sink): (&Stop, &ProgressSink),
) -> Result<PlanReport> {
    let settings = of_blobs(settings)?;
    let (from, to) = (
        open::url(&options.from, "--from")?,
        open::url(&options.to, "--to")?,
    );
    let job = Job {
        name: open::job_name(&options.job)?,
        from: from.to_string(),
        to: to.to_string(),
        layout: options.layout,
        pointer: options.pointer,
    };
    let layout = open::layout(&job)?;
    let mut report = PlanReport {
        job: job.name.to_string(),
        from: job.from.clone(),
        to: job.to.clone(),
        dry_run: options.dry_run,
        ..PlanReport::default()
    };
    match from.relation(&to) {
        Relation::Apart => {}
        Relation::Same => {
            report.same_place = true;
            return Ok(report);
        }
        Relation::Nested => return Err(nested(&from, &to).into()),
    }
    let known = if is_there(&settings) {
        refuse_other(&settings, &job).await?
    } else {
        None
    };
    refuse_pointer(job.pointer.as_deref(), (&from, &to))?;
    let source = backend(&from, "--from")?;
    if !options.dry_run {
        to.make()
            .map_err(|error| of_backend(&error, "--to", &job.to))?;
    }
    let target = backend(&to, "--to").ok();
    let counting = count(&*source, target.as_deref(), &layout, &mut report, sink);
    let counted = unless_stopped(stop, "plan the job", counting).await?;
    report.was_planned = known.is_some();
    if !options.dry_run {
        write(&settings, known, job, &report, counted).await?;
    }
    Ok(report)
}

/// The folder of the pointer must be there: the flip is no time to find out.
fn refuse_pointer(
    pointer: Option<&str>,
    (from, to): (&BackendUrl, &BackendUrl),
) -> Result<(), CommandError> {
    let Some(pointer) = pointer else {
        return Ok(());
    };
    let said = Pointer::new(Path::new(pointer)).read();
    let folder = Path::new(pointer).parent().is_some_and(Path::is_dir);
    let cause = match said {
        Err(error) => error.to_string(),
        Ok(_) if !folder => "its folder does not exist".to_owned(),
        Ok(_) if from.holds(Path::new(pointer)) || to.holds(Path::new(pointer)) => {
            "it lies among the blobs".to_owned()
        }
        Ok(_) => return Ok(()),
    };
    Err(CommandError::new(
        Kind::Usage,
        format!("use --pointer {pointer}"),
        cause,
        "make the folder, or name another file",
    ))
}

fn nested(from: &BackendUrl, to: &BackendUrl) -> CommandError {
    CommandError::new(
        Kind::Usage,
        format!("copy from {from} to {to}"),
        "one of them lies inside the other, so that copies would be copied again",
        "name two places of which neither holds the other",
    )
}

/// The job of this name, if it is the same. Reads only.
async fn refuse_other(settings: &Settings, job: &Job) -> Result<Option<JobRow>> {
    let (_, jobs) = match jobs(settings, false).await {
        Ok(opened) => opened,
        // The tables are not there yet.
        Err(error)
            if error
                .downcast_ref()
                .is_some_and(|error: &CommandError| error.kind == Kind::Preflight) =>
        {
            return Ok(None);
        }
        Err(error) => return Err(error),
    };
    let known = match jobs.get(&job.name).await {
        Err(error) if error.is_missing_table() => return Ok(None),
        known => known.map_err(|error| CommandError::of_state(&error))?,
    };
    let Some(known) = known else {
        refuse_shared(&jobs, job).await?;
        return Ok(None);
    };
    if known.phase == Phase::RolledBack {
        return Err(CommandError::new(
            Kind::Mismatch,
            format!("plan job {}", job.name),
            "a job of this name was rolled back",
            "give this one another name; nothing was changed",
        )
        .into());
    }
    let differences = known.job.differences(job);
    if differences.is_empty() {
        return Ok(Some(known));
    }
    Err(CommandError::new(
        Kind::Mismatch,
        format!("plan job {}", job.name),
        format!(
            "a job of this name was planned with {}",
            differences.join("; ")
        ),
        "give this one another name, or plan it as it was; nothing was changed",
    )
    .into())
}

/// Two jobs must not write to one place: each would take the blobs of the other for its own.
async fn refuse_shared(jobs: &Jobs, job: &Job) -> Result<()> {
    let all = jobs
        .all()
        .await
        .map_err(|error| CommandError::of_state(&error))?;
    let to = open::url(&job.to, "--to")?;
    let other = all.into_iter().find(|other| {
        let theirs = open::url(&other.job.to, "--to");
        let is_apart = theirs.is_ok_and(|theirs| theirs.relation(&to) == Relation::Apart);
        other.phase != Phase::RolledBack && !is_apart
    });
    let Some(other) = other else {
        return Ok(());
    };
    Err(CommandError::new(
        Kind::Mismatch,
        format!("plan job {} to {}", job.name, job.to),
        format!(
            "job {} copies to {} and is {}",
            other.job.name, other.job.to, other.phase
        ),
        "copy to a place of its own, or roll the other job back first; nothing was changed",
    )
    .into())
}

/// Lists the source.
async fn count(
    source: &dyn Backend,
    target: Option<&dyn Backend>,
    layout: &Layout,
    report: &mut PlanReport,
    sink: &ProgressSink,
) -> Result<Counted> {
    let mut counted: Counted = layout.units().into_iter().map(|unit| (unit, 0)).collect();
    let mut listing = source.list("", None);
    while let Some(entry) = listing.next().await {
        let entry = entry.map_err(|error| of_backend(&error, "--from", &report.from))?;
        take(entry, target, layout, report, &mut counted);
        if report.blobs.is_multiple_of(SHOW_EVERY) {
            sink(ProgressUpdate::Start {
                what: "listing the source",
                done: report.blobs,
                of: None,
            });
        }
    }
    Ok(counted)
}

fn take(
    entry: Entry,
    target: Option<&dyn Backend>,
    layout: &Layout,
    report: &mut PlanReport,
    counted: &mut Counted,
) {
    let left = &mut report.left;
    let (key, size) = match entry {
        Entry::Blob { key, size, .. } => (key, size),
        Entry::Other { name, what } => {
            left.not_blobs += 1;
            return left.name(&name, what);
        }
        Entry::Unrepresentable { name, why } => {
            left.unrepresentable += 1;
            return left.name(&name, why);
        }
    };
    if !layout.holds(&key) {
        left.not_of_layout += 1;
        return left.name(&key, "the layout makes no such key");
    }
    if let Some(why) = target.and_then(|target| target.refusal(&key)) {
        left.unrepresentable += 1;
        left.name(&key, &why);
    }
    report.blobs += 1;
    report.bytes += size;
    *counted.entry(layout.unit(&key)).or_default() += 1;
}

/// Writes the row of the job, then those of the units. What was begun stays as it is.
async fn write(
    settings: &Settings,
    known: Option<JobRow>,
    job: Job,
    report: &PlanReport,
    counted: Counted,
) -> Result<()> {
    let (store, jobs) = jobs(settings, true).await?;
    let of_state = |error: crate::state::StateError| CommandError::of_state(&error);
    let name = job.name.clone();
    let row = known.unwrap_or(JobRow {
        job,
        phase: Phase::Planned,
        is_flipped: false,
        planned_at: store.now(),
        blobs: 0,
        bytes: 0,
        version: 0,
    });
    if row.phase <= Phase::Copied {
        let row = JobRow {
            blobs: report.blobs,
            bytes: report.bytes,
            ..row
        };
        let put = jobs.put(row).await.map_err(of_state)?;
        put.ok_or_else(|| at_once(&name))?;
    }
    for (unit, blobs) in counted {
        let unit = Unit {
            planned: Some(blobs),
            ..Unit::new(UnitId::new(name.as_str(), &*unit))
        };
        let planned = store.plan_unit(&unit, &InstanceId::number(1)).await;
        planned.map_err(of_state)?;
    }
    Ok(())
}

fn at_once(name: &JobName) -> CommandError {
    CommandError::new(
        Kind::Lease,
        format!("plan job {name}"),
        "another process planned a job of this name at the same time",
        "run the same command again",
    )
}
