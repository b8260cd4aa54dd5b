//! What the room needs to know: table names, the local folder, limits.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

/// Names of the migration tables, whole (prefix included).
///
/// Customers, progress and spaces belong to the existing tool too (docs/protocol/tables.md §3); the others are ours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tables {
    /// `…-migration-customers`: key `customer`.
    pub customers: String,
    /// `…-migration-progress`: key `customer`, `space`.
    pub progress: String,
    /// `…-migration-parts`: key `unit`, `part`; one row per part of a split unit, while it is worked on.
    pub parts: String,
    /// `…-migration-spaces`: key `customer`.
    pub spaces: String,
    /// `…-migration-failures`: key `space`, `item`; one row per failed item.
    pub failures: String,
    /// `…-migration-fleet`: key `instanceId`; one row per instance.
    pub fleet: String,
    /// `…-migration-control`: key `scope`, `entry`; wishes of the operator and their log.
    pub control: String,
}

impl Tables {
    /// The usual names under `prefix`, which ends in `migration-` (`staging-migration-`, `local-migration-`).
    #[must_use]
    pub fn with_prefix(prefix: &str) -> Self {
        let name = |suffix: &str| format!("{prefix}{suffix}");
        Self {
            customers: name("customers"),
            progress: name("progress"),
            parts: name("parts"),
            spaces: name("spaces"),
            failures: name("failures"),
            fleet: name("fleet"),
            control: name("control"),
        }
    }

    /// Every name, in the order in which tables are created.
    #[must_use]
    pub fn all(&self) -> [&str; 7] {
        [
            &self.customers,
            &self.progress,
            &self.parts,
            &self.spaces,
            &self.failures,
            &self.fleet,
            &self.control,
        ]
    }
}

/// Where rows are kept.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Backend {
    /// In `DynamoDB`, for any number of machines.
    #[default]
    DynamoDb,
    /// In one `SQLite` file, for the processes of one machine.
    Sqlite(PathBuf),
}

impl FromStr for Backend {
    type Err = String;

    /// `dynamodb` or `sqlite:FILE`.
    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once(':') {
            None if text == "dynamodb" => Ok(Self::DynamoDb),
            Some(("sqlite", file)) if !file.is_empty() => Ok(Self::Sqlite(file.into())),
            _ => Err(format!("`{text}` is neither dynamodb nor sqlite:FILE")),
        }
    }
}

impl fmt::Display for Backend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::DynamoDb => f.write_str("dynamodb"),
            Self::Sqlite(file) => write!(f, "sqlite:{}", file.display()),
        }
    }
}

/// How state is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// Where rows are kept.
    pub backend: Backend,
    /// Table names.
    pub tables: Tables,
    /// Folder of checkpoints, journals and customers files; made when it is not there.
    pub dir: PathBuf,
    /// Deadline of one try of one request.
    pub timeout: Duration,
    /// Tries of one request, the first included.
    pub tries: u32,
}

impl Config {
    /// Usual limits (10 s for a try, 4 tries) over the tables of `prefix` and the folder `dir`.
    #[must_use]
    pub fn new(prefix: &str, dir: impl Into<PathBuf>) -> Self {
        Self {
            backend: Backend::default(),
            tables: Tables::with_prefix(prefix),
            dir: dir.into(),
            timeout: Duration::from_secs(10),
            tries: 4,
        }
    }
}
