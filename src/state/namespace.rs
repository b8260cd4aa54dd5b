//! What separates the state of one migration from that of another: table names, column names and file names.
//!
//! A store sees only its namespace, so two migrations can share one database and one folder. The files of other
//! migrations are refused by name.

use std::path::{Path, PathBuf};

use super::define::Definition;
use crate::model::{InstanceId, MigrationName};

/// Names that the first migration uses without a prefix.
const TAKEN: [&str; 2] = ["migration", "instance"];

/// A name that cannot have its own namespace.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0} cannot name a migration: write lower-case letters, and neither migration nor instance"
)]
pub struct NameError(MigrationName);

/// The state of one migration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Namespace {
    /// Whose state it is.
    pub migration: MigrationName,
    /// Tables that every migration has.
    pub tables: Tables,
    /// Columns of rows of units and of failed items.
    pub columns: Columns,
    /// Tables of this migration only.
    pub own: Vec<OwnTable>,
    /// The prefix of its file names, before `instance-N-…`.
    pub files: FilePrefix,
}

/// Whole names of the tables that every migration has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tables {
    /// One row per unit.
    pub progress: String,
    /// One row per part of a split unit, while it is worked on; key `unit`, `part`.
    pub parts: String,
    /// One row per failed item.
    pub failures: String,
    /// One row per instance; key `instanceId`.
    pub fleet: String,
    /// Control commands and their log, plans, the format; key `scope`, `entry`.
    pub control: String,
}

/// Names of the columns that a migration may choose, because another program reads them, too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Columns {
    /// The owner of a unit.
    pub owner: &'static str,
    /// The name of a unit.
    pub unit: &'static str,
    /// The index of failures by owner.
    pub owner_index: &'static str,
    /// How many items a unit has.
    pub planned: &'static str,
    /// How many of them are done or skipped.
    pub completed: &'static str,
    /// The last item up to which all are settled.
    pub last: &'static str,
    /// How many owners, units and items a plan gives out, in its row.
    pub plan: [&'static str; 3],
    /// The first part of logical names in templates.
    pub title: &'static str,
}

impl Columns {
    /// The usual names, for a migration whose state no other program reads.
    pub const USUAL: Self = Self {
        owner: "owner",
        unit: "unitName",
        owner_index: "owner-index",
        planned: "totalItems",
        completed: "completedItems",
        last: "lastItem",
        plan: ["owners", "units", "items"],
        title: "",
    };
}

/// A table of one migration only.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnTable {
    /// What it holds, in one word.
    pub what: &'static str,
    /// Its name, key and indexes.
    pub definition: Definition,
}

/// The prefix of a migration's file names; empty for the first migration.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FilePrefix(String);

impl Tables {
    /// `PREFIXprogress` and so on.
    #[must_use]
    pub fn with_prefix(prefix: &str) -> Self {
        let name = |suffix: &str| format!("{prefix}{suffix}");
        Self {
            progress: name("progress"),
            parts: name("parts"),
            failures: name("failures"),
            fleet: name("fleet"),
            control: name("control"),
        }
    }
}

impl Namespace {
    /// The usual one of a migration: tables `PREFIX-NAME-progress`, files `NAME-instance-N-…`.
    ///
    /// # Errors
    /// The name could collide with the tables or files of another migration.
    pub fn new(migration: MigrationName, prefix: &str) -> Result<Self, NameError> {
        let name = migration.as_str();
        let is_plain = !name.is_empty() && name.bytes().all(|letter| letter.is_ascii_lowercase());
        if !is_plain || TAKEN.contains(&name) {
            return Err(NameError(migration));
        }
        Ok(Self {
            tables: Tables::with_prefix(&format!("{prefix}-{migration}-")),
            columns: Columns::USUAL,
            own: Vec::new(),
            files: FilePrefix(format!("{migration}-")),
            migration,
        })
    }

    /// The whole names of all tables.
    #[must_use]
    pub fn all_tables(&self) -> Vec<&str> {
        let tables = &self.tables;
        let common = [
            &tables.progress,
            &tables.parts,
            &tables.failures,
            &tables.fleet,
            &tables.control,
        ];
        let own = self.own.iter().map(|own| &*own.definition.name);
        own.chain(common.map(String::as_str)).collect()
    }

    /// The whole name of a table of this migration only; `None` if it has no such table.
    #[must_use]
    pub fn own_table(&self, what: &str) -> Option<&str> {
        let table = self.own.iter().find(|table| table.what == what)?;
        Some(&table.definition.name)
    }
}

impl FilePrefix {
    /// `instance-N-END` in `dir`, with the prefix.
    #[must_use]
    pub fn file(&self, dir: &Path, instance: &InstanceId, end: &str) -> PathBuf {
        dir.join(self.name(instance, end))
    }

    /// The file name of [`FilePrefix::file`].
    #[must_use]
    pub fn name(&self, instance: &InstanceId, end: &str) -> String {
        let safe = |letter: char| {
            let is_safe = letter.is_ascii_alphanumeric() || letter == '-';
            if is_safe { letter } else { '_' }
        };
        let instance: String = instance.as_str().chars().map(safe).collect();
        format!("{}instance-{instance}{end}", self.0)
    }

    /// `N-END` of a name `instance-N-END` with the prefix; `None` for a file of another migration.
    #[must_use]
    pub fn rest<'a>(&self, name: &'a str) -> Option<&'a str> {
        name.strip_prefix(&*self.0)?.strip_prefix("instance-")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_name_meets_the_state_of_another_migration() {
        let new = |name: &str| Namespace::new(MigrationName::from(name.to_owned()), "local");
        for taken in [
            "",
            "migration",
            "instance",
            "a-b",
            "../a",
            "instance-1",
            "B",
        ] {
            assert!(new(taken).is_err(), "{taken}");
        }
        let blobs = new("blobs").unwrap();
        assert_eq!(blobs.tables.progress, "local-blobs-progress");
        let one = InstanceId::number(1);
        assert_eq!(
            blobs.files.name(&one, "-journal.ndjson"),
            "blobs-instance-1-journal.ndjson"
        );
        let first = FilePrefix::default();
        assert_eq!(first.rest("blobs-instance-1-journal.ndjson"), None);
        assert_eq!(blobs.files.rest("instance-1-journal.ndjson"), None);
    }
}
