//! Verdicts of an audit.

use serde::{Deserialize, Serialize};

use super::StepName;

/// What an audit says of an item. "Could not tell" is never taken for any of the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// Everything is there and right.
    Ok,
    /// Something is there and wrong.
    Wrong,
    /// Something is not there.
    Missing,
    /// The world could not be asked.
    CouldNotTell,
}

impl Verdict {
    /// The word in reports.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Wrong => "wrong",
            Self::Missing => "missing",
            Self::CouldNotTell => "could-not-tell",
        }
    }
}

/// One thing an audit found, or a run would put right.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// The step that would put it right.
    pub step: StepName,
    /// What it is about.
    pub subject: String,
    /// Missing or wrong.
    pub verdict: Verdict,
    /// In words.
    pub why: String,
    /// Bytes that are read to put it right, where that is known beforehand.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bytes: Option<u64>,
}

/// What a run would do with one step, as far as looking tells: needs of items, or units where it is a step of units.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct StepPlan {
    /// Effects that it would make.
    pub effects: u64,
    /// Bytes that it would read for them, as far as sizes are recorded.
    pub bytes_to_read: u64,
}

impl StepPlan {
    /// Counts one more effect.
    pub fn count(&mut self, finding: &Finding) {
        self.effects += 1;
        self.bytes_to_read += finding.bytes.unwrap_or(0);
    }
}

/// Verdicts counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct VerdictCounts {
    /// Items that are right.
    pub ok: u64,
    /// Items with something wrong.
    pub wrong: u64,
    /// Items with something missing.
    pub missing: u64,
    /// Items that could not be judged.
    pub could_not_tell: u64,
}

impl VerdictCounts {
    /// Counts one more item.
    pub fn count(&mut self, verdict: Verdict) {
        match verdict {
            Verdict::Ok => self.ok += 1,
            Verdict::Wrong => self.wrong += 1,
            Verdict::Missing => self.missing += 1,
            Verdict::CouldNotTell => self.could_not_tell += 1,
        }
    }

    /// Items judged or tried to.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.ok + self.wrong + self.missing + self.could_not_tell
    }
}
