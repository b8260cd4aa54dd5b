//! The state of the migration, and a job with both of its backends.

use std::fs::{File, TryLockError};
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context as _, Result};

use super::workload::BlobsWorkload;
use crate::app::session::{Session, store};
use crate::app::{CommandError, Kind};
use crate::client::blobs::{Backend, BackendUrl, BlobError, ErrorKind, Relation};
use crate::config::Settings;
use crate::migrations::blobs::{
    Backends, Job, JobName, JobRow, Jobs, Layout, NAME, Phase, Pointer, namespace,
};
use crate::model::{Unit, UnitId};
use crate::runtime::private;
use crate::state::{self, Config, StateError, Store};

/// What is done after a rollback.
pub(super) const ANOTHER: &str =
    "plan the same copy under another name: `sterna blobs plan --job NAME --from URL --to URL`";

/// A job with everything that its commands work with.
pub(super) struct Opened {
    pub(super) jobs: Jobs,
    pub(super) row: JobRow,
    pub(super) session: Box<Session<BlobsWorkload>>,
    pub(super) from: BackendUrl,
    pub(super) to: BackendUrl,
}

/// The same settings, for the state of this migration.
pub(super) fn of_blobs(settings: &Settings) -> Result<Settings> {
    let mut settings = settings.clone();
    let namespace = namespace(settings.environment.as_str())?;
    settings.state = Config {
        namespace,
        ..settings.state
    };
    Ok(settings)
}

/// The jobs of this state. A file for rows is made if `may_make` says so.
pub(super) async fn jobs(settings: &Settings, may_make: bool) -> Result<(Store, Jobs)> {
    if may_make {
        let dir = &settings.state_dir;
        private::folder(dir).with_context(|| format!("make {}", dir.display()))?;
        store::init(settings).await?;
    }
    let store = store::open(settings).await?;
    let jobs = Jobs::of(&store);
    Ok((store, jobs))
}

/// Whether a state could be opened without making anything.
pub(super) fn is_there(settings: &Settings) -> bool {
    match &settings.state.backend {
        state::Backend::Sqlite(file) => file.symlink_metadata().is_ok(),
        state::Backend::DynamoDb => true,
    }
}

/// Opens a backend by its URL.
pub(super) fn backend(
    url: &BackendUrl,
    flag: &'static str,
) -> Result<Arc<dyn Backend>, CommandError> {
    url.open()
        .map_err(|error| of_backend(&error, flag, &url.to_string()))
}

/// What a backend that cannot be used means for a command.
pub(super) fn of_backend(error: &BlobError, flag: &str, url: &str) -> CommandError {
    let (kind, cause) = match error.kind {
        ErrorKind::Denied => (Kind::Credentials, "this user may not use it"),
        ErrorKind::Full => (
            Kind::Temporary,
            "it takes no more: its disk is full or read-only",
        ),
        ErrorKind::Key | ErrorKind::NotABlob => (
            Kind::Preflight,
            "something else than a file is there, or in the way to it",
        ),
        ErrorKind::Changed => (Kind::Temporary, "somebody writes to it"),
        ErrorKind::Unavailable => (Kind::Preflight, "it does not exist, or cannot be read"),
    };
    let next = format!("check {flag}, then run the same command again");
    CommandError::new(kind, format!("use {url}: {error}"), cause, next)
}

/// A URL of a job.
pub(super) fn url(text: &str, flag: &'static str) -> Result<BackendUrl, CommandError> {
    BackendUrl::parse(text).map_err(|error| {
        CommandError::new(
            Kind::Usage,
            format!("use {flag}"),
            error.to_string(),
            "correct the URL",
        )
    })
}

/// Opens a job that is there, with its session.
pub(super) async fn job(settings: &Settings, name: &str, replace: bool) -> Result<Opened> {
    let name = &job_name(name)?;
    let settings = of_blobs(settings)?;
    let found = if is_there(&settings) {
        let (_, jobs) = jobs(&settings, false).await?;
        let row = jobs
            .get(name)
            .await
            .map_err(|error| CommandError::of_state(&error))?;
        row.map(|row| (jobs, row))
    } else {
        None
    };
    let (jobs, row) = found.ok_or_else(|| no_job(name))?;
    let from = as_planned(&row.job.from, "--from")?;
    let to = as_planned(&row.job.to, "--to")?;
    if from.relation(&to) != Relation::Apart {
        return Err(one_place(&row.job).into());
    }
    let backends = Backends {
        source: backend(&from, "--from")?,
        target: backend(&to, "--to")?,
    };
    let place = |backend: &dyn Backend| {
        let told = backend.place();
        told.map_err(|error| of_backend(&error, "the job", name.as_str()))
    };
    if place(&*backends.source)? == place(&*backends.target)? {
        return Err(one_place(&row.job).into());
    }
    let workload = BlobsWorkload {
        namespace: settings.state.namespace.clone(),
        backends,
        layout: layout(&row.job)?,
        replace,
    };
    let session = Session::connect(&settings, workload).await?;
    Ok(Opened {
        jobs,
        row,
        session,
        from,
        to,
    })
}

/// A URL as it was planned. A link that leads elsewhere by now is refused.
fn as_planned(text: &str, flag: &'static str) -> Result<BackendUrl, CommandError> {
    let found = url(text, flag)?;
    if found.to_string() == text {
        return Ok(found);
    }
    Err(CommandError::new(
        Kind::Mismatch,
        format!("use {text}"),
        format!("it leads to {found} by now"),
        "put back what was there when the job was planned, or plan a new job; nothing was changed",
    ))
}

fn one_place(job: &Job) -> CommandError {
    CommandError::new(
        Kind::Mismatch,
        format!("open job {}", job.name),
        format!(
            "{} and {} are one place by now, or one lies inside the other",
            job.from, job.to
        ),
        "put back what was there when the job was planned; nothing was changed",
    )
}

/// Takes the lock of a job: one process of this state folder turns its pointer at a time.
///
/// # Errors
/// Another process has it; the folder cannot be used.
pub(super) fn lock(settings: &Settings, name: &str) -> Result<File> {
    let name = job_name(name)?;
    let path = settings.state_dir.join(format!("{NAME}-job-{name}.lock"));
    if !settings.state_dir.is_dir() {
        return Err(no_job(&name).into());
    }
    let file = private::update(&path).with_context(|| format!("open {}", path.display()))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(CommandError::new(
            Kind::Lease,
            format!("turn job {name}"),
            "another process flips it or rolls it back",
            "wait for it, then run the same command again",
        )
        .into()),
        Err(TryLockError::Error(error)) => {
            Err(error).with_context(|| format!("lock {}", path.display()))
        }
    }
}

fn no_job(name: &JobName) -> CommandError {
    CommandError::new(
        Kind::NotFound,
        format!("open job {name}"),
        "no job has this name in this state",
        "list the jobs with `sterna blobs status`, or plan one: `sterna blobs plan --job NAME --from URL --to URL`",
    )
}

/// The name of a job.
pub(super) fn job_name(text: &str) -> Result<JobName, CommandError> {
    text.parse().map_err(|why: String| {
        CommandError::new(
            Kind::Usage,
            format!("use --job {text}"),
            why,
            "correct the name",
        )
    })
}

/// The layout of a job.
pub(super) fn layout(job: &Job) -> Result<Layout, CommandError> {
    job.layout
        .parse()
        .map_err(|error: crate::migrations::blobs::LayoutError| {
            CommandError::new(
                Kind::Usage,
                "use --layout",
                error.to_string(),
                "correct the layout",
            )
        })
}

impl Opened {
    /// The units of the job.
    pub(super) fn units(&self) -> Vec<Unit> {
        let owner = self.row.job.name.as_str();
        let names = self.session.workload.layout.units();
        names
            .into_iter()
            .map(|name| Unit::new(UnitId::new(owner, &*name)))
            .collect()
    }

    /// The units with the blobs that were counted in them.
    ///
    /// # Errors
    /// Those of the tables.
    pub(super) async fn planned(&self) -> Result<Vec<Unit>, StateError> {
        let rows = self
            .session
            .store
            .progress_of(self.row.job.name.as_str())
            .await?;
        let units = rows
            .into_iter()
            .filter(|row| row.progress.unit.part.is_none())
            .map(|row| Unit {
                planned: Some(row.progress.counts.planned),
                id: row.progress.unit,
            });
        Ok(units.collect())
    }

    /// The file that says which backend readers ask.
    pub(super) fn pointer(&self) -> Option<Pointer> {
        self.row
            .job
            .pointer
            .as_ref()
            .map(|path| Pointer::new(Path::new(path)))
    }

    /// Whether readers ask the target: by the pointer if there is one, else by how far the job is.
    ///
    /// # Errors
    /// The pointer cannot be read.
    pub(super) fn is_at_target(&self) -> Result<bool> {
        let Some(pointer) = self.pointer() else {
            return Ok(self.row.phase == Phase::Completed);
        };
        let active = pointer.read()?;
        Ok(active.is_some_and(|active| active.active == self.row.job.to))
    }

    /// URL of the backend that readers ask.
    ///
    /// # Errors
    /// As [`Opened::is_at_target`].
    pub(super) fn active(&self) -> Result<String> {
        let job = &self.row.job;
        Ok(if self.is_at_target()? {
            &job.to
        } else {
            &job.from
        }
        .clone())
    }

    /// Moves the job on. Another process that did so first is named.
    ///
    /// # Errors
    /// Those of the table; the job was changed meanwhile.
    pub(super) async fn advance(&mut self, phase: Phase) -> Result<()> {
        if self.row.phase == phase {
            return Ok(());
        }
        let next = JobRow {
            phase,
            is_flipped: self.row.is_flipped || phase == Phase::Flipping,
            ..self.row.clone()
        };
        let put = self
            .jobs
            .put(next)
            .await
            .map_err(|error| CommandError::of_state(&error))?;
        self.row = match put {
            Some(row) => row,
            None => self.reread(phase).await?,
        };
        Ok(())
    }

    /// The row as another process wrote it: the same step is as good as ours.
    async fn reread(&self, phase: Phase) -> Result<JobRow> {
        let name = &self.row.job.name;
        let row = self
            .jobs
            .get(name)
            .await
            .map_err(|error| CommandError::of_state(&error))?;
        match row {
            Some(row) if row.phase == phase => Ok(row),
            found => {
                let phase = found.map_or("gone", |row| row.phase.as_str());
                Err(CommandError::new(
                    Kind::Lease,
                    format!("move job {name} on"),
                    format!("another process changed it meanwhile: it is {phase} now"),
                    format!("see `sterna blobs status --job {name}`"),
                )
                .into())
            }
        }
    }

    /// Refuses a command that does not fit how far the job is.
    pub(super) fn refuse(&self, what: &str, next: &str) -> CommandError {
        let name = &self.row.job.name;
        CommandError::new(
            Kind::Mismatch,
            format!("{what} job {name}"),
            format!("it is {}", self.row.phase),
            next.replace("JOB", name.as_str()),
        )
    }
}
