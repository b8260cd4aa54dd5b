//! How the work on a unit, or on its parts, ended.

use crate::engine::lease::SaveError;
use crate::model::Failure;
use crate::state::LeaseHolder;

/// How a unit left this process.
#[derive(Debug)]
pub(crate) enum UnitEnd {
    /// Listed to its end, now or in an earlier run.
    Ended,
    /// Given back unfinished.
    Released,
    /// Another holds it.
    Held(LeaseHolder),
    /// Its lease was lost.
    Lost,
    /// It could not be worked on for now.
    Failed(Failure),
}

/// Why work on a unit ended early.
pub(crate) enum Interrupted {
    /// Drain, limit, or lease lost.
    Stopped,
    /// The unit's row could not be written.
    NotSaved(SaveError),
    /// Something else could not be listed, read or written.
    Failed(Failure),
}
