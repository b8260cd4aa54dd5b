//! What another program wrote about a unit before it was taken over.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::model::{InstanceId, ItemId, Status, UnixMillis};

/// The row of a unit as the existing tool left it. Its counters are not trusted (docs/protocol/pitfalls.md 43-46): they
/// are kept for reports, and because effects of that tool must be probed differently.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TakenOver {
    /// Its status.
    pub status: Status,
    /// The items that were counted at its start.
    pub planned: u64,
    /// The items that were processed, including failed ones.
    pub completed: u64,
    /// The last item that was recorded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last: Option<ItemId>,
    /// The instance that worked on it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instance: Option<InstanceId>,
    /// Why it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// When it was written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<UnixMillis>,
}

impl TakenOver {
    /// Whether everything was processed and nothing failed. Only that is trusted.
    #[must_use]
    pub fn is_trusted(&self) -> bool {
        self.status == Status::Completed && self.completed >= self.planned
    }
}

impl fmt::Display for TakenOver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} with {} of {}",
            self.status, self.completed, self.planned
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_was_gone_through_to_its_end_is_trusted() {
        let left = |status, completed| TakenOver {
            status,
            planned: 5,
            completed,
            last: None,
            instance: None,
            error: None,
            at: None,
        };
        assert!(left(Status::Completed, 5).is_trusted());
        assert!(!left(Status::Completed, 3).is_trusted());
        assert!(!left(Status::Failed, 5).is_trusted());
        assert!(!left(Status::InProgress, 5).is_trusted());
        assert_eq!(left(Status::Failed, 3).to_string(), "failed with 3 of 5");
    }
}
