//! `blobs flip`: sends readers to the target, in one write, after a gate (docs/blobs.md §6).

use anyhow::Result;
use futures::StreamExt as _;
use serde::Serialize;

use super::open::{self, Opened, of_backend};
use crate::app::{CommandError, Kind, ProgressSink, ProgressUpdate, Stop, unless_stopped};
use crate::client::blobs::Entry;
use crate::config::Settings;
use crate::migrations::blobs::{Active, Backends, Phase, Pointer, REASONS, digests_of};
use crate::monitor::count;

/// Blobs that keep the gate closed and are named.
const NAMED: usize = 10;
/// Blobs between two updates of the display.
const SHOW_EVERY: u64 = 1_000;

/// What is flipped, and how closely the gate looks.
#[derive(Debug, Clone)]
pub struct FlipOptions {
    /// The job.
    pub job: String,
    /// Blobs that are read on both sides again; all of them without a number.
    pub sample: Option<u64>,
}

/// What a flip came to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FlipReport {
    /// The job.
    pub job: String,
    /// URL of the backend that readers ask now.
    pub active: String,
    /// The file that says so, if there is one.
    pub pointer: Option<String>,
    /// It was so before.
    pub was_done: bool,
    /// Blobs that the gate found on the target.
    pub listed: u64,
    /// Those of them that it read there again.
    pub read: u64,
}

/// What the gate looked at, and what keeps it closed.
#[derive(Debug, Default)]
struct Gate {
    listed: u64,
    read: u64,
    wrong: u64,
    named: Vec<String>,
}

impl Gate {
    fn close(&mut self, why: String) {
        self.wrong += 1;
        if self.named.len() < NAMED {
            self.named.push(why);
        }
    }
}

/// Sends readers to the target.
///
/// # Errors
/// The job is not copied, or the gate found a blob that is not right: nothing was changed. The pointer says something
/// else than it should, or could not be written.
pub async fn flip(
    settings: &Settings,
    options: FlipOptions,
    (stop, sink): (&Stop, &ProgressSink),
) -> Result<FlipReport> {
    let _lock = open::lock(settings, &options.job)?;
    let mut opened = open::job(settings, &options.job, false).await?;
    let mut gate = Gate::default();
    let was_done = opened.row.phase == Phase::Completed;
    match opened.row.phase {
        Phase::Completed => still_points(&opened)?,
        Phase::Copied | Phase::Flipping => {
            let looking = pass(&opened, options.sample, &mut gate, sink);
            unless_stopped(stop, "flip the job", looking).await?;
            refuse(&opened, &gate)?;
            opened.advance(Phase::Flipping).await?;
            point(&opened)?;
            opened.advance(Phase::Completed).await?;
        }
        Phase::Planned | Phase::Migrating => {
            let next = "copy every blob first: `sterna blobs copy --job JOB`; `sterna blobs status --job JOB` says what is left";
            return Err(opened.refuse("flip", next).into());
        }
        Phase::RollingBack | Phase::RolledBack => {
            return Err(opened.refuse("flip", open::ANOTHER).into());
        }
    }
    Ok(FlipReport {
        job: opened.row.job.name.to_string(),
        active: opened.row.job.to.clone(),
        pointer: opened.row.job.pointer.clone(),
        was_done,
        listed: gate.listed,
        read: gate.read,
    })
}

/// Lists the source once more: every blob must be on the target, and a sample is read there.
async fn pass(
    opened: &Opened,
    sample: Option<u64>,
    gate: &mut Gate,
    sink: &ProgressSink,
) -> Result<()> {
    let (layout, url) = (&opened.session.workload.layout, &opened.row.job.from);
    let total = opened.row.blobs.max(1);
    let mut listing = opened.session.workload.backends.source.list("", None);
    while let Some(entry) = listing.next().await {
        let (key, (size, modified)) =
            match entry.map_err(|error| of_backend(&error, "--from", url))? {
                Entry::Blob {
                    key,
                    size,
                    modified,
                } if layout.holds(&key) => (key, (size, modified)),
                Entry::Unrepresentable { name, why } => {
                    gate.close(format!("{name}: {why}"));
                    continue;
                }
                Entry::Blob { .. } | Entry::Other { .. } => continue,
            };
        gate.listed += 1;
        // Evenly over the listing, so that no part of it is left out.
        let due = sample.map_or(gate.listed, |sample| {
            gate.listed.saturating_mul(sample).div_ceil(total)
        });
        // What was written since the job was planned may have been copied before.
        let is_due = gate.read < due || opened.row.is_since_planned(modified);
        if let Some(why) = look(opened, (&key, size), is_due).await? {
            gate.close(format!("{key}: {why}"));
        } else if is_due {
            gate.read += 1;
        }
        if gate.listed.is_multiple_of(SHOW_EVERY) {
            sink(ProgressUpdate::Start {
                what: "checking the target",
                done: gate.listed,
                of: Some(total),
            });
        }
    }
    if gate.listed < opened.row.blobs {
        gate.close(format!(
            "the source lists {}, and {} were planned",
            count(gate.listed, "blob"),
            opened.row.blobs
        ));
    }
    Ok(())
}

/// What is wrong with a blob on the target, if anything is.
async fn look(opened: &Opened, (key, size): (&str, u64), is_read: bool) -> Result<Option<String>> {
    let (backends, layout) = (
        &opened.session.workload.backends,
        &opened.session.workload.layout,
    );
    let Backends { source, target } = backends;
    let head = target
        .head(key)
        .await
        .map_err(|error| of_backend(&error, "--to", &opened.row.job.to))?;
    match head {
        None => return Ok(Some("it is not on the target".to_owned())),
        Some(head) if head.size != size => {
            return Ok(Some("it has another size on the target".to_owned()));
        }
        Some(_) => {}
    }
    if !is_read {
        return Ok(None);
    }
    let expected = layout.expected(key);
    let failed = |failure: crate::model::Failure| CommandError::of_failure(&failure, REASONS);
    let read = |side, backend| digests_of((side, backend), key, expected.as_ref(), || {});
    let there = read("target", &**target).await.map_err(failed)?;
    let is_right = match (&expected, there) {
        (_, None) => false,
        (Some(expected), Some((_, there))) => there.are(expected),
        (None, Some((_, there))) => {
            let here = read("source", &**source).await.map_err(failed)?;
            here.is_some_and(|(_, here)| here.sha256 == there.sha256)
        }
    };
    Ok((!is_right).then(|| "it has other bytes on the target".to_owned()))
}

fn refuse(opened: &Opened, gate: &Gate) -> Result<()> {
    if gate.wrong == 0 {
        return Ok(());
    }
    let name = &opened.row.job.name;
    let more = gate.wrong - gate.named.len() as u64;
    let more = if more > 0 {
        format!("; and {more} more")
    } else {
        String::new()
    };
    Err(CommandError::new(
        Kind::Safety,
        format!("flip job {name}: the gate found {} wrong", count(gate.wrong, "thing")),
        format!("{}{more}", gate.named.join("; ")),
        format!(
            "copy what is new: `sterna blobs copy --job {name} --recheck` (and --replace for what differs); rename or move away \
             what has no key; if the source is right as it is, run its `blobs plan` again; then flip; nothing was changed"
        ),
    )
    .into())
}

/// What was flipped before must still be so.
fn still_points(opened: &Opened) -> Result<()> {
    if opened.is_at_target()? {
        return Ok(());
    }
    let name = &opened.row.job.name;
    Err(CommandError::new(
        Kind::Mismatch,
        format!("flip job {name}"),
        "it was flipped before, and its pointer does not name the target any more",
        format!(
            "put the pointer right, or roll the job back: `sterna blobs rollback --job {name}`"
        ),
    )
    .into())
}

/// Writes the pointer, if the job has one. Written before already is as good.
fn point(opened: &Opened) -> Result<()> {
    let Some(pointer) = opened.pointer() else {
        return Ok(());
    };
    let job = &opened.row.job;
    turn(&pointer, (&job.from, &job.to), job.name.as_str())
}

/// Turns a pointer from one backend to the other, in one write. One that is not there counts as one that says `from`.
pub(super) fn turn(pointer: &Pointer, (from, to): (&str, &str), job: &str) -> Result<()> {
    let before: Option<Active> = pointer.read()?;
    let says = before.as_ref().map_or(from, |active| &*active.active);
    if says == to {
        return Ok(());
    }
    if says == from && pointer.replace(before.as_ref(), to, job)? {
        return Ok(());
    }
    Err(CommandError::new(
        Kind::Mismatch,
        format!("turn the pointer from {from} to {to}"),
        format!("it says {says}"),
        "find out who changed it; if it is right, plan a job from that backend; the pointer was not changed",
    )
    .into())
}
