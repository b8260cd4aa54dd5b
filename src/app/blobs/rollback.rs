//! `blobs rollback`: sends readers back to the source, carries back what came after the flip, and removes the copies.

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Result;
use futures::StreamExt as _;
use serde::Serialize;

use super::flip::turn;
use super::open::{self, Opened, of_backend};
use crate::app::session::{Rollback, lack};
use crate::app::{self, CommandError, Kind, ProgressSink, Stop, unless_stopped};
use crate::client::blobs::Head;
use crate::config::Settings;
use crate::migrations::blobs::{
    Backends, Blob, Digests, Phase, REASONS, VOCABULARY, carry, digests_of,
};
use crate::model::Failure;
use crate::monitor::count;

/// What is said of a rollback that was stopped before it began.
const BEGIN: &str = "roll the job back";
/// Copies that are removed at the same time.
const REMOVED_AT_ONCE: usize = 8;

/// What is undone.
#[derive(Debug, Clone)]
pub struct RollbackOptions {
    /// The job.
    pub job: String,
    /// Leave the copies on the target.
    pub keep_copies: bool,
    /// Journals beside those of the state folder.
    pub journals: Vec<PathBuf>,
    /// Remove what is known although journals are missing.
    pub allow_missing_journal: bool,
    /// Say what would be undone and change nothing.
    pub dry_run: bool,
}

/// What a rollback came to.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RollbackReport {
    /// The job.
    pub job: String,
    /// How far it is now.
    pub phase: &'static str,
    /// URL of the backend that readers ask now.
    pub active: String,
    /// Blobs that only the target had, and that were copied back; in a dry run, that would be.
    pub carried_back: u64,
    /// What became of the copies; `None` if they were left.
    pub copies: Option<app::RollbackReport>,
}

/// Rolls a job back.
///
/// # Errors
/// There is no such job; a blob could not be carried back: readers still ask the target. Copies could not be removed:
/// readers ask the source.
pub async fn rollback(
    settings: &Settings,
    options: RollbackOptions,
    ends: (Stop, ProgressSink),
) -> Result<RollbackReport> {
    let dry_run = options.dry_run;
    let _lock = if dry_run {
        None
    } else {
        Some(open::lock(settings, &options.job)?)
    };
    let mut opened = open::job(settings, &options.job, false).await?;
    // Whatever could refuse comes first: then nothing is changed.
    let is_at_target = opened.is_at_target()?;
    let comes_back = opened.row.is_flipped && opened.row.phase != Phase::RolledBack;
    let mut carried_back = 0;
    if comes_back {
        let looking = carry_back(&opened, true);
        carried_back = unless_stopped(&ends.0, BEGIN, looking).await?;
    }
    let planned = if options.keep_copies {
        None
    } else {
        let planned = remove(&opened, &options, (true, ends.clone())).await?;
        refuse_incomplete(&planned, &options)?;
        Some(planned)
    };
    if dry_run {
        return report(&opened, carried_back, planned);
    }
    if opened.row.phase != Phase::RolledBack {
        opened.advance(Phase::RollingBack).await?;
    }
    if comes_back {
        carry_back(&opened, false).await?;
    }
    let pointer = opened.pointer().filter(|_| is_at_target);
    if let Some(pointer) = pointer {
        let job = &opened.row.job;
        turn(&pointer, (&job.to, &job.from), job.name.as_str())?;
    }
    let copies = if options.keep_copies {
        None
    } else {
        Some(remove(&opened, &options, (false, ends)).await?)
    };
    tidy(&opened).await;
    let is_over = copies
        .as_ref()
        .is_none_or(|copies| copies.failed == 0 && copies.ended == app::Ended::Finished);
    if is_over {
        opened.advance(Phase::RolledBack).await?;
    }
    report(&opened, carried_back, copies)
}

fn report(
    opened: &Opened,
    carried_back: u64,
    copies: Option<app::RollbackReport>,
) -> Result<RollbackReport> {
    Ok(RollbackReport {
        job: opened.row.job.name.to_string(),
        phase: opened.row.phase.as_str(),
        active: opened.active()?,
        carried_back,
        copies,
    })
}

/// Removes what writers left on both sides.
async fn tidy(opened: &Opened) {
    let Backends { source, target } = &opened.session.workload.backends;
    for backend in [source, target] {
        if let Err(error) = backend.tidy().await {
            tracing::warn!(%error, "what an earlier process left was not removed");
        }
    }
}

/// Journals that are missing must be named, or left out knowingly.
fn refuse_incomplete(planned: &app::RollbackReport, options: &RollbackOptions) -> Result<()> {
    if options.dry_run || !planned.would_be_refused {
        return Ok(());
    }
    let plan = &planned.plan;
    let mut lacks: Vec<String> = plan
        .missing
        .iter()
        .map(|one| lack(one, &VOCABULARY))
        .collect();
    let unknown: u64 = plan.unaccounted.iter().map(|unit| unit.items).sum();
    if unknown > 0 {
        lacks.push(format!(
            "no journal says what was copied of {}",
            count(unknown, "blob")
        ));
    }
    Err(CommandError::new(
        Kind::Mismatch,
        format!("roll back job {}", options.job),
        lacks.join("; "),
        "name what is missing with --journal PATH; or remove the copies that are known with --allow-missing-journal, or none with \
         --keep-copies; nothing was changed",
    )
    .into())
}

/// Copies to the source what only the target has: after a flip, that is where writers write. A blob that both have must be
/// the same on both.
async fn carry_back(opened: &Opened, dry_run: bool) -> Result<u64> {
    let Backends { source, target } = &opened.session.workload.backends;
    let layout = &opened.session.workload.layout;
    let (from, to) = (&opened.row.job.from, &opened.row.job.to);
    let (mut carried, mut different, mut first) = (0, 0, None);
    let mut listing = target.list("", None);
    while let Some(entry) = listing.next().await {
        let entry = entry.map_err(|error| of_backend(&error, "--to", to))?;
        let Some(blob) = Blob::of(entry).filter(|blob| layout.holds(&blob.key)) else {
            continue;
        };
        // What lay there before is nobody's here.
        if !opened.row.is_since_planned(blob.modified) {
            continue;
        }
        let key = blob.key;
        let there = source
            .head(&key)
            .await
            .map_err(|error| of_backend(&error, "--from", from))?;
        if there.is_some() {
            if dry_run && differ(opened, &key).await? {
                different += 1;
                first.get_or_insert(key);
            }
            continue;
        }
        carried += 1;
        if !dry_run {
            let expected = layout.expected(&key);
            let carrying = carry(
                &key,
                (Arc::clone(target), Arc::clone(source)),
                expected.as_ref(),
            );
            carrying
                .await
                .map_err(|failure| CommandError::of_failure(&failure, REASONS))?;
        }
    }
    match first {
        None => Ok(carried),
        Some(first) => Err(differing(opened, different, &first).into()),
    }
}

/// Whether a blob that both backends have has other bytes on one of them.
async fn differ(opened: &Opened, key: &str) -> Result<bool> {
    let Backends { source, target } = &opened.session.workload.backends;
    let read = |side, backend| digests_of((side, backend), key, None, || {});
    let failed = |failure: Failure| CommandError::of_failure(&failure, REASONS);
    let there = read("target", &**target).await.map_err(failed)?;
    let here = read("source", &**source).await.map_err(failed)?;
    let digest = |read: Option<(Head, Digests)>| read.map(|(_, digests)| digests.sha256);
    Ok(digest(there) != digest(here))
}

fn differing(opened: &Opened, number: u64, first: &str) -> CommandError {
    CommandError::new(
        Kind::Safety,
        format!("roll back job {}", opened.row.job.name),
        format!(
            "{} on the target differ from the source, `{first}` first: readers would lose what was written since",
            count(number, "blob")
        ),
        "make both the same, as `sterna blobs verify --deep` shows them, then roll back; nothing was changed",
    )
}

/// Removes the copies that this job made, or says what it would.
async fn remove(
    opened: &Opened,
    options: &RollbackOptions,
    (dry_run, ends): (bool, (Stop, ProgressSink)),
) -> Result<app::RollbackReport> {
    let session = &opened.session;
    // Copies of this job may run as the first instances.
    let (lock, instance) = session.lock_one(None)?;
    drop(lock);
    let config = session.config(instance, REMOVED_AT_ONCE)?;
    let undo = Rollback {
        units: vec![(Some(opened.row.job.name.to_string()), None)],
        journals: options.journals.clone(),
        allow_missing_journal: options.allow_missing_journal,
        dry_run,
        ..Rollback::default()
    };
    session.rollback(config, undo, &|_| Ok(()), ends).await
}
