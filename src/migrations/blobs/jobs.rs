//! `…-blobs-jobs`: one row per job.
//!
//! A job changes by compare-and-set alone: every change names the version of the row that it was decided on.

use std::time::Duration;

use crate::model::{MigrationName, UnixMillis};
use crate::state::define::Definition;
use crate::state::rows::{self, Condition, Key, Row, Value, Written, stamp};
use crate::state::{NameError, Namespace, OwnTable, StateError, Store};

use super::job::{Job, JobName, Phase};

/// Name of the migration in rows, files and events.
pub const NAME: &str = "blobs";

/// The table of jobs.
const JOBS: &str = "jobs";
const KEY: &str = "job";

/// By how much the clock that dates blobs may be behind the one that dated the plan.
const CLOCKS_DIFFER: Duration = Duration::from_hours(1);

/// The state of this migration: tables `PREFIX-blobs-…`, files `blobs-instance-N-…`.
///
/// # Errors
/// Never for the name of this migration.
pub fn namespace(prefix: &str) -> Result<Namespace, NameError> {
    let mut namespace = Namespace::new(MigrationName::new(NAME), prefix)?;
    namespace.own.push(OwnTable {
        what: JOBS,
        definition: Definition {
            name: format!("{prefix}-{NAME}-{JOBS}"),
            title: "BlobsJobs".to_owned(),
            partition: KEY,
            sort: None,
            indexes: Vec::new(),
        },
    });
    Ok(namespace)
}

/// The table of jobs. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Jobs {
    store: Store,
}

/// A job as its row says it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobRow {
    /// The job.
    pub job: Job,
    /// How far it is.
    pub phase: Phase,
    /// Readers were sent to the target, or were about to be.
    pub is_flipped: bool,
    /// When it was planned: what is written later was not there then.
    pub planned_at: UnixMillis,
    /// Blobs that were counted when it was planned.
    pub blobs: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Grows with every change of the row.
    pub version: u64,
}

impl JobRow {
    /// Whether a blob may have been written since the job was planned. Clocks of backends and of this machine differ.
    #[must_use]
    pub fn is_since_planned(&self, modified: Option<UnixMillis>) -> bool {
        modified.is_none_or(|modified| modified + CLOCKS_DIFFER >= self.planned_at)
    }
}

impl Jobs {
    /// Those of a store, which must be one of this migration's namespace.
    #[must_use]
    pub fn of(store: &Store) -> Self {
        Self {
            store: store.clone(),
        }
    }

    fn table(&self) -> &str {
        let namespace = &self.store.config().namespace;
        namespace.own_table(JOBS).unwrap_or(JOBS)
    }

    /// The job of this name.
    ///
    /// # Errors
    /// Those of the table; a row that is not one of ours.
    pub async fn get(&self, name: &JobName) -> Result<Option<JobRow>, StateError> {
        let row = self.store.rows().get(self.table(), &key(name)).await?;
        Ok(row.map(|row| read(self.table(), &row)).transpose()?)
    }

    /// All jobs, in no order.
    ///
    /// # Errors
    /// As [`Jobs::get`].
    pub async fn all(&self) -> Result<Vec<JobRow>, StateError> {
        let rows = rows::all(self.store.rows(), self.table(), &rows::Select::default()).await?;
        let read: Result<Vec<_>, _> = rows.iter().map(|row| read(self.table(), row)).collect();
        Ok(read?)
    }

    /// Writes a job as it is to be, if the row is still the one of `row.version` (0: if there is none). `None` if it is
    /// not.
    ///
    /// # Errors
    /// Those of the table. A write that was not answered may have happened.
    pub async fn put(&self, row: JobRow) -> Result<Option<JobRow>, StateError> {
        let condition = match row.version {
            0 => Condition::Absent(KEY),
            version => Condition::Equals("version", version.into()),
        };
        let next = JobRow {
            version: row.version + 1,
            ..row
        };
        let written = Row::new()
            .with("description", Value::of(&next.job))
            .with("phase", next.phase.as_str())
            .with("flipped", next.is_flipped)
            .with("plannedAt", next.planned_at)
            .with("blobs", next.blobs)
            .with("bytes", next.bytes)
            .with("version", next.version)
            .with("updatedAt", stamp(self.store.now()));
        let key = key(&next.job.name);
        let put = self
            .store
            .rows()
            .put(self.table(), &key, written, condition);
        Ok(match put.await? {
            Written::Done(_) => Some(next),
            Written::Refused(_) => None,
        })
    }
}

fn key(name: &JobName) -> Key {
    Key::one(KEY, name.as_str())
}

fn read(table: &str, row: &Row) -> Result<JobRow, rows::RowsError> {
    let read = || {
        Some(JobRow {
            job: row.get("description")?.read()?,
            phase: row.get("phase")?.read()?,
            is_flipped: row.truth("flipped"),
            planned_at: row.text("plannedAt").and_then(UnixMillis::parse)?,
            blobs: row.number("blobs")?,
            bytes: row.number("bytes")?,
            version: row.number("version")?,
        })
    };
    read().ok_or_else(|| {
        let name = row.text(KEY).unwrap_or("without a name");
        rows::RowsError::shape(table, format!("the job {name} is not one of ours"))
    })
}
