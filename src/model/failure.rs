//! What went wrong, as data that can be stored, counted and shown.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{ItemId, Reason, StepName, UnitId, UnixMillis};

/// What a failure means for the work that met it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Class {
    /// Likely to pass: the item is tried again.
    Transient,
    /// Trying again cannot help: the item is quarantined, the run goes on.
    Permanent,
    /// It may have happened, or could not be told: the world is probed, nothing is assumed.
    Unknown,
    /// Nothing else can work either (credentials, configuration): the run stops.
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
    /// What was being done and what happened, with ids, whole chain.
    pub message: String,
    /// The outside service that is to blame, if one is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dependency: Option<String>,
    /// How long the service asked to be left alone.
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

    /// A failure that may pass.
    pub fn transient(reason: Reason, message: impl Into<String>) -> Self {
        Self::new(Class::Transient, reason, message)
    }

    /// A failure that trying again cannot mend.
    pub fn permanent(reason: Reason, message: impl Into<String>) -> Self {
        Self::new(Class::Permanent, reason, message)
    }

    /// "Could not tell", or "it may have happened".
    pub fn unknown(reason: Reason, message: impl Into<String>) -> Self {
        Self::new(Class::Unknown, reason, message)
    }

    /// A failure that ends the run.
    pub fn fatal(reason: Reason, message: impl Into<String>) -> Self {
        Self::new(Class::Fatal, reason, message)
    }

    /// The same failure, laid to a step.
    #[must_use]
    pub fn at(mut self, step: StepName) -> Self {
        self.step.get_or_insert(step);
        self
    }

    /// The same failure, laid to an outside service.
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

/// An item that was quarantined, as its row says it; or all items of a unit that one cause of the unit keeps back, which
/// have one row together ([`ItemId::all_of_unit`]).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FailedItem {
    /// The unit of the item.
    pub unit: UnitId,
    /// The item.
    pub item: ItemId,
    /// The last failure.
    pub failure: Failure,
    /// How many items it is about: 1, or those that a cause of the unit keeps back; 0 until they are counted.
    pub items: u64,
    /// How many times the item was tried as a whole, over all runs.
    pub attempts: u32,
    /// The instance that tried last.
    pub instance: super::InstanceId,
    /// When it first failed.
    pub first_at: UnixMillis,
    /// When it last failed.
    pub last_at: UnixMillis,
}
