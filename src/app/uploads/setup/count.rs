//! Counting the uploads of every space, with a checkpoint by space.

use std::collections::BTreeMap;
use std::io;

use anyhow::Result;
use futures::stream::{self, StreamExt as _};
use serde::{Deserialize, Serialize};

use super::census::{self, Census};
use super::parts::Parts;
use crate::app::{CommandError, Kind, ProgressSink, ProgressUpdate, Stop};
use crate::client;
use crate::migrations::uploads::plan::Chosen;
use crate::model::StateIdentity;
use crate::monitor;
use crate::proto::SpaceDid;
use crate::runtime::{Instant, StopLevel};
use crate::state::files::{Sealed, Unreadable};

/// Spaces that are counted at the same time.
const AT_ONCE: usize = 32;
/// Counts between two looks at the clock, and seconds between two checkpoints.
const POLL_EVERY: usize = 64;
const CHECKPOINT_SECONDS: u64 = 5;

/// Uploads by space.
#[derive(Debug)]
pub(super) struct Counted {
    uploads: BTreeMap<SpaceDid, u64>,
    /// How many of them an earlier setup counted.
    pub(super) taken_up: usize,
    file: Sealed,
}

#[derive(Debug, Default, Serialize, Deserialize)]
struct Saved {
    /// The tables that the plan will be for.
    state: StateIdentity,
    /// The network's table that uploads are counted in.
    uploads_table: String,
    uploads: BTreeMap<SpaceDid, u64>,
}

impl Counted {
    /// Uploads of a space.
    pub(super) fn of(&self, space: &SpaceDid) -> u64 {
        self.uploads.get(space).copied().unwrap_or(0)
    }

    /// Removes the checkpoint: the next setup counts again.
    pub(super) fn forget(&self) -> io::Result<()> {
        for path in [self.file.path().to_path_buf(), self.file.previous()] {
            match std::fs::remove_file(path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        Ok(())
    }
}

/// Counts the chosen spaces that the checkpoint does not know. A space that cannot be counted is tried again after
/// the others (docs/protocol/pitfalls.md 81).
pub(super) async fn count<C: Census>(
    parts: &Parts<C>,
    chosen: &Chosen,
    ends: (&Stop, &ProgressSink),
) -> Result<Counted> {
    let file = Sealed::new(parts.dir.join("setup-checkpoint.json"), "sterna.setup", 2);
    let mut saved = begun(&file, (&parts.state, &parts.uploads_table))?;
    saved
        .uploads
        .retain(|space, _| chosen.spaces.contains_key(space));
    let taken_up = saved.uploads.len();
    let mut left: Vec<SpaceDid> = chosen
        .spaces
        .keys()
        .filter(|space| !saved.uploads.contains_key(*space))
        .cloned()
        .collect();
    for last in [false, true] {
        if left.is_empty() {
            break;
        }
        let failed = pass(parts, left, (&mut saved, &file), ends).await;
        file.write(&saved)?;
        let (spaces, errors): (Vec<_>, Vec<_>) = failed?.into_iter().unzip();
        if let (true, Some(error)) = (last, errors.first()) {
            return Err(census::census_error(error).into());
        }
        left = spaces;
    }
    Ok(Counted {
        uploads: saved.uploads,
        taken_up,
        file,
    })
}

/// What an earlier setup counted; one of another version, other tables or another network is refused.
fn begun(file: &Sealed, wanted: (&StateIdentity, &String)) -> Result<Saved, CommandError> {
    let fresh = Saved {
        state: wanted.0.clone(),
        uploads_table: wanted.1.clone(),
        ..Saved::default()
    };
    let of =
        |(state, table): (&StateIdentity, &String)| format!("{state}, uploads counted in {table}");
    match file.read::<Saved>() {
        Ok(Some((saved, _))) if (&saved.state, &saved.uploads_table) == wanted => Ok(saved),
        // What is damaged costs a count, no more.
        Ok(None) | Err(Unreadable::Damaged { .. }) => Ok(fresh),
        Ok(Some((saved, _))) => Err(CommandError::new(
            Kind::Mismatch,
            format!("continue with {}", file.path().display()),
            format!(
                "it belongs to other tables or another network: {}; this setup works on {}",
                of((&saved.state, &saved.uploads_table)),
                of(wanted)
            ),
            "check --env, use another --state-dir, or remove the file and count again; nothing was changed",
        )),
        Err(error) => Err(CommandError::of_state(&error.into())),
    }
}

/// One pass over `spaces`; gives those that could not be counted. Ends at once when nothing can work.
async fn pass<C: Census>(
    parts: &Parts<C>,
    spaces: Vec<SpaceDid>,
    (saved, file): (&mut Saved, &Sealed),
    (stop, sink): (&Stop, &ProgressSink),
) -> Result<Vec<(SpaceDid, client::ClientError)>> {
    let mut failed = Vec::new();
    let mut written = Instant::now();
    let count = |space: SpaceDid| async move {
        let uploads = parts.census.uploads(&space).await;
        (space, uploads)
    };
    let all = spaces.len();
    let mut counts = stream::iter(spaces).map(count).buffer_unordered(AT_ONCE);
    let mut seen = 0_usize;
    let (before, of) = (
        saved.uploads.len(),
        Some((saved.uploads.len() + all) as u64),
    );
    while let Some((space, uploads)) = counts.next().await {
        match uploads {
            Ok(uploads) => {
                saved.uploads.insert(space, uploads);
            }
            Err(error) if hopeless(&error) => return Err(census::census_error(&error).into()),
            Err(error) => failed.push((space, error)),
        }
        seen += 1;
        let done = (before + seen) as u64;
        let what = "counting uploads by space";
        sink(ProgressUpdate::Start { what, done, of });
        if stop.level() > StopLevel::Run {
            return Err(stopped(stop, saved.uploads.len()).into());
        }
        if seen.is_multiple_of(POLL_EVERY) && written.elapsed().as_secs() >= CHECKPOINT_SECONDS {
            file.write(saved)?;
            written = Instant::now();
        }
    }
    Ok(failed)
}

/// Whether no other space can be counted either.
fn hopeless(error: &client::ClientError) -> bool {
    matches!(
        error.cause,
        client::Cause::Missing
            | client::Cause::NoResource(_)
            | client::Cause::Setting(_)
            | client::Cause::Credentials(_)
    )
}

/// What `setup` says when it is told to stop.
pub(super) fn stopped(stop: &Stop, counted: usize) -> CommandError {
    CommandError::new(
        Kind::Stopped,
        format!(
            "setup was stopped after it had counted {}",
            monitor::count(counted as u64, "space")
        ),
        stop.reason().unwrap_or("a stop was requested").to_owned(),
        "run the same command again: it continues where it stopped",
    )
}
