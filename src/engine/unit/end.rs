//! How the work on a unit, or on its parts, ended.

use crate::engine::lease::SaveError;
use crate::model::Failure;
use crate::state::LeaseHolder;

/// How the work on a unit ended.
#[derive(Debug)]
pub(crate) enum UnitEnd {
    /// The unit ended, now or in an earlier run.
    Ended,
    /// It was released before it ended.
    Released,
    /// Another holds it.
    Held(LeaseHolder),
    /// Its lease was lost.
    Lost,
    /// It failed for now.
    Failed(Failure),
}

/// Why work on a unit ended early.
pub(crate) enum Interrupted {
    /// Drain, limit, or lease lost.
    Stopped,
    /// The unit's row could not be written.
    NotSaved(SaveError),
    /// Something else failed.
    Failed(Failure),
}
