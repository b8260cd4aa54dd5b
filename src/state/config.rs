//! The settings of state: namespace, local folder, limits.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use super::namespace::Namespace;
use crate::model::InstanceId;

/// The store of rows.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Backend {
    /// `DynamoDB`, for any number of machines.
    #[default]
    DynamoDb,
    /// One `SQLite` file, for the processes of one machine.
    Sqlite(PathBuf),
}

impl Backend {
    /// How each is written.
    pub const FORMS: &str = "write dynamodb, or sqlite: and a file";

    /// The file that holds the rows, if one does.
    #[must_use]
    pub fn file(&self) -> Option<&Path> {
        match self {
            Self::DynamoDb => None,
            Self::Sqlite(file) => Some(file),
        }
    }
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

/// The settings of state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// The store of rows.
    pub backend: Backend,
    /// What separates this migration's state from that of others.
    pub namespace: Namespace,
    /// Folder of checkpoints, journals and reports. It is created if it does not exist.
    pub dir: PathBuf,
    /// Deadline of one try of one request.
    pub timeout: Duration,
    /// Tries of one request, including the first.
    pub tries: u32,
}

impl Config {
    /// Usual limits (10 s for a try, 4 tries) over the tables of `namespace` and the folder `dir`.
    #[must_use]
    pub fn new(namespace: Namespace, dir: impl Into<PathBuf>) -> Self {
        Self {
            backend: Backend::default(),
            namespace,
            dir: dir.into(),
            timeout: Duration::from_secs(10),
            tries: 4,
        }
    }

    /// The path of a file of an instance: the migration's prefix, `instance-N` and `end`.
    #[must_use]
    pub fn file(&self, instance: &InstanceId, end: &str) -> PathBuf {
        self.namespace.files.file(&self.dir, instance, end)
    }
}
