//! Failures as data that can be stored, counted and shown.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{ItemId, Reason, StepName, UnitId, UnixMillis};

/// What a failure means for the work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Class {
    /// It may pass: the item is tried again.
    Transient,
    /// A retry cannot help: the item is quarantined and the run goes on.
    Permanent,
    /// The call may have had its effect, or the state is unknown: the world is probed.
    Unknown,
    /// Nothing can work (credentials, configuration): the run stops.
    Fatal,
}

impl Class {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Transient, Self::Permanent, Self::Unknown, Self::Fatal];

    /// The word in rows and reports.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Transient => "transient",
            Self::Permanent => "permanent",
            Self::Unknown => "unknown",
            Self::Fatal => "fatal",
        }
    }

    /// The class with this word.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|class| class.as_str() == word)
    }
}

impl fmt::Display for Class {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// One failure.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{reason}: {message}")]
pub struct Failure {
    /// What it means for the work.
    pub class: Class,
    /// The stable code.
    pub reason: Reason,
    /// The step that failed; none while probing or listing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step: Option<StepName>,
    /// What was being done and what happened, with ids and all causes.
    pub message: String,
    /// The outside service that failed, if one did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dependency: Option<String>,
    /// The wait that the service asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after: Option<Duration>,
}

impl Failure {
    /// A failure of any class.
    pub fn new(class: Class, reason: Reason, message: impl Into<String>) -> Self {
        Self {
            class,
            reason,
            step: None,
            message: message.into(),
            dependency: None,
            retry_after: None,
        }
    }

    /// A transient failure.
    pub fn transient(reason: Reason, message: impl Into<String>) -> Self {
        Self::new(Class::Transient, reason, message)
    }

    /// A permanent failure.
    pub fn permanent(reason: Reason, message: impl Into<String>) -> Self {
        Self::new(Class::Permanent, reason, message)
    }

    /// A failure that leaves the state unknown.
    pub fn unknown(reason: Reason, message: impl Into<String>) -> Self {
        Self::new(Class::Unknown, reason, message)
    }

    /// A failure that ends the run.
    pub fn fatal(reason: Reason, message: impl Into<String>) -> Self {
        Self::new(Class::Fatal, reason, message)
    }

    /// The same failure, of a step. An earlier step stays.
    #[must_use]
    pub fn at(mut self, step: StepName) -> Self {
        self.step.get_or_insert(step);
        self
    }

    /// The same failure, of an outside service.
    #[must_use]
    pub fn from_dependency(mut self, name: impl Into<String>) -> Self {
        self.dependency = Some(name.into());
        self
    }

    /// The same failure, with the wait that the service asked for.
    #[must_use]
    pub fn after(mut self, wait: Option<Duration>) -> Self {
        self.retry_after = wait;
        self
    }
}

/// The row of a bad item, or the one row of all items that a failed step of their unit blocks
/// ([`ItemId::all_of_unit`]).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FailedItem {
    /// The unit of the item.
    pub unit: UnitId,
    /// The item.
    pub item: ItemId,
    /// The last failure.
    pub failure: Failure,
    /// How many items it is about: 1, or those that the failed step blocks; 0 until they are counted.
    pub items: u64,
    /// Whole attempts at the item, over all runs.
    pub attempts: u32,
    /// The instance that made the last attempt.
    pub instance: super::InstanceId,
    /// When it first failed.
    pub first_at: UnixMillis,
    /// When it last failed.
    pub last_at: UnixMillis,
}
