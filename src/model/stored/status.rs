//! The status of a unit, in the words of the existing tool's tables.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The status of a unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Status {
    /// It is not started.
    Pending,
    /// It is started and has not ended. The lease says whether an instance works on it now.
    InProgress,
    /// It was listed completely, and every item is done or skipped.
    Completed,
    /// It was listed completely and has bad items, or it could not be worked on.
    Failed,
}

/// A change of status that is not allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a unit cannot go from {from} to {to}")]
pub struct StatusError {
    /// The status it had.
    pub from: Status,
    /// The status it should have got.
    pub to: Status,
}

/// A word that is not a status.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a status")]
pub struct UnknownStatus(pub String);

impl Status {
    /// All of them, in the order a unit passes through.
    pub const ALL: [Self; 4] = [
        Self::Pending,
        Self::InProgress,
        Self::Completed,
        Self::Failed,
    ];

    /// The word in the tables.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::InProgress => "in-progress",
            Self::Completed => "completed",
            Self::Failed => "failed",
        }
    }

    /// Changes to another status.
    ///
    /// Work starts from any status: a completed unit is reopened for late items, a failed one for a retry. It ends only
    /// from `in-progress`. The same status may be written again. Only a rollback leads back to `pending`, from
    /// `in-progress`.
    ///
    /// # Errors
    /// [`StatusError`] for any other change.
    pub fn to(self, next: Self) -> Result<Self, StatusError> {
        let legal = match (self, next) {
            (from, to) if from == to => true,
            (_, Self::InProgress) | (Self::InProgress, _) => true,
            (_, Self::Pending | Self::Completed | Self::Failed) => false,
        };
        if legal {
            return Ok(next);
        }
        Err(StatusError {
            from: self,
            to: next,
        })
    }

    /// Whether the unit ended.
    #[must_use]
    pub fn is_ended(self) -> bool {
        matches!(self, Self::Completed | Self::Failed)
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Status {
    type Err = UnknownStatus;

    fn from_str(text: &str) -> Result<Self, UnknownStatus> {
        Self::ALL
            .into_iter()
            .find(|status| status.as_str() == text)
            .ok_or_else(|| UnknownStatus(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_round_trip() {
        for status in Status::ALL {
            assert_eq!(status.as_str().parse::<Status>(), Ok(status));
            assert_eq!(
                serde_json::to_string(&status).unwrap(),
                format!("{:?}", status.as_str())
            );
        }
        assert!("done".parse::<Status>().is_err());
    }

    #[test]
    fn nothing_ends_that_was_not_begun_and_nothing_ended_is_reset() {
        use Status::{Completed, Failed, InProgress, Pending};
        for (from, to) in [
            (Pending, Completed),
            (Pending, Failed),
            (Completed, Pending),
            (Completed, Failed),
            (Failed, Pending),
            (Failed, Completed),
        ] {
            assert_eq!(from.to(to), Err(StatusError { from, to }));
        }
        for from in Status::ALL {
            assert_eq!(from.to(InProgress), Ok(InProgress));
            assert_eq!(from.to(from), Ok(from));
        }
    }
}
