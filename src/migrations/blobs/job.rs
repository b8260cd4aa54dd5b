//! A job: what is moved from where to where, and how far it is.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The name of a job, as operators type it: letters, digits, `-`, `_` and `.`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct JobName(String);

/// The longest name, bytes.
const LONGEST: usize = 100;

/// What an operator planned. It never changes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Job {
    /// Its name.
    pub name: JobName,
    /// URL of the backend that has the blobs.
    pub from: String,
    /// URL of the backend that is to have them.
    pub to: String,
    /// How keys are made.
    pub layout: String,
    /// The file that says which backend readers ask, if one does.
    pub pointer: Option<String>,
}

/// How far a job is (docs/blobs.md §6).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Phase {
    /// Its blobs are counted.
    Planned,
    /// Blobs are copied.
    Migrating,
    /// Every blob is on the target and was read back.
    Copied,
    /// Readers are about to be sent to the target.
    Flipping,
    /// Readers ask the target.
    Completed,
    /// Copies are being removed.
    RollingBack,
    /// Readers ask the source; the copies are removed, unless they were to be kept.
    RolledBack,
}

impl JobName {
    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for JobName {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let is_plain =
            |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
        if text.is_empty() || text.len() > LONGEST || !text.bytes().all(is_plain) {
            return Err(format!(
                "write a name of letters, digits, - _ and . with at most {LONGEST} of them"
            ));
        }
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Display for JobName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Job {
    /// In what another job of this name differs, in words.
    #[must_use]
    pub fn differences(&self, other: &Self) -> Vec<String> {
        let none = String::from("none");
        let pairs = [
            ("--from", &self.from, &other.from),
            ("--to", &self.to, &other.to),
            ("--layout", &self.layout, &other.layout),
            (
                "--pointer",
                self.pointer.as_ref().unwrap_or(&none),
                other.pointer.as_ref().unwrap_or(&none),
            ),
        ];
        let differing = pairs.into_iter().filter(|(_, ours, theirs)| ours != theirs);
        differing
            .map(|(flag, ours, theirs)| format!("{flag} {ours}, not {theirs}"))
            .collect()
    }
}

impl Phase {
    /// The word in rows and reports.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Planned => "planned",
            Self::Migrating => "migrating",
            Self::Copied => "copied",
            Self::Flipping => "flipping",
            Self::Completed => "completed",
            Self::RollingBack => "rolling-back",
            Self::RolledBack => "rolled-back",
        }
    }
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
