//! `blobs rollback`: sends readers back to the source, carries back what came after the flip, and removes the copies.

use std::sync::Arc;

use anyhow::Result;
use futures::StreamExt as _;
use serde::Serialize;

use super::flip::turn;
use super::open::{self, Opened, of_backend};
use crate::app::session::Rollback;
use crate::app::{self, CommandError, ProgressSink, Stop, unless_stopped};
use crate::client::blobs::Entry;
use crate::config::Settings;
use crate::migrations::blobs::{Backends, Phase, REASONS, carry};

/// What is undone.
#[derive(Debug, Clone)]
pub struct RollbackOptions {
    /// The job.
    pub job: String,
    /// Leave the copies on the target.
    pub keep_copies: bool,
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
    let mut opened = open::job(settings, &options.job).await?;
    let dry_run = options.dry_run;
    let was_over = opened.row.phase == Phase::RolledBack;
    if !dry_run && !was_over {
        opened.advance(Phase::RollingBack).await?;
    }
    let mut carried_back = 0;
    if opened.row.is_flipped && !was_over {
        let carrying = carry_back(&opened, dry_run);
        carried_back = unless_stopped(&ends.0, "roll the job back", carrying).await?;
    }
    let pointer = opened.pointer().filter(|_| !dry_run && !was_over);
    if let Some(pointer) = pointer {
        let job = &opened.row.job;
        turn(&pointer, (&job.to, &job.from), job.name.as_str())?;
    }
    let copies = if options.keep_copies {
        None
    } else {
        Some(remove(&opened, dry_run, ends).await?)
    };
    let is_over = copies
        .as_ref()
        .is_none_or(|copies| copies.failed == 0 && copies.ended == app::Ended::Finished);
    if is_over && !dry_run {
        opened.advance(Phase::RolledBack).await?;
    }
    Ok(RollbackReport {
        job: opened.row.job.name.to_string(),
        phase: opened.row.phase.as_str(),
        active: opened.active()?,
        carried_back,
        copies,
    })
}

/// Copies what only the target has to the source: after a flip, that is where writers write.
async fn carry_back(opened: &Opened, dry_run: bool) -> Result<u64> {
    let Backends { source, target } = &opened.session.workload.backends;
    let layout = &opened.session.workload.layout;
    let (from, to) = (&opened.row.job.from, &opened.row.job.to);
    let mut carried = 0;
    let mut listing = target.list("", None);
    while let Some(entry) = listing.next().await {
        let Entry::Blob { key, .. } = entry.map_err(|error| of_backend(&error, "--to", to))? else {
            continue;
        };
        if !layout.holds(&key) {
            continue;
        }
        let there = source
            .head(&key)
            .await
            .map_err(|error| of_backend(&error, "--from", from))?;
        if there.is_some() {
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
    Ok(carried)
}

/// Removes the copies that this job made.
async fn remove(
    opened: &Opened,
    dry_run: bool,
    ends: (Stop, ProgressSink),
) -> Result<app::RollbackReport> {
    let session = &opened.session;
    let config = session.config(1, 8)?;
    let undo = Rollback {
        units: vec![(Some(opened.row.job.name.to_string()), None)],
        dry_run,
        ..Rollback::default()
    };
    session.rollback(config, undo, &|_| Ok(()), ends).await
}
