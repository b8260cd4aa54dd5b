//! Invariants, each with an id that tests, the simulation and `verify` use.

use std::fmt;

/// A rule that no run may break.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Invariant {
    /// L-1: one live holder per unit; a write with an old epoch is refused.
    OneHolder,
    /// J-1: no `Applied` without a `Started` before it.
    StartedFirst,
    /// V-1: an item is done only if its last probe came after its last effect and found no gap.
    VerifiedLast,
    /// C-1: planned = done + skipped + failed + quarantined + unknown + left.
    CountsAddUp,
    /// C-2: a cursor passes an item only when the item is settled.
    CursorBelowSettled,
    /// U-1: "could not tell" makes no effect.
    UnknownPublishesNothing,
    /// S-1: a unit is completed only after its last item was listed.
    CompletedIsListed,
    /// E-1: an effect that the last probe showed is not repeated, and one that no probe can show is made once.
    NothingTwice,
    /// E-2: when all units ended, every item has its final outcome, in the world and in the rows.
    NothingLost,
    /// P-1: a paused instance that can read the control rows starts nothing after ten seconds, also after a restart.
    PauseHolds,
    /// P-2: soon after a limit was set, an instance starts no item above it.
    LimitsHold,
    /// W-1: each item of a split unit lies in one part. The counts of the unit are never ahead of those of its parts,
    /// and are their sum when all parts ended. Only then are parts removed.
    PartsMakeTheWhole,
    /// after a rollback only irreversible effects remain.
    RollbackIsWhole,
}

impl Invariant {
    /// The id.
    #[must_use]
    pub fn id(self) -> &'static str {
        match self {
            Self::OneHolder => "L-1",
            Self::StartedFirst => "J-1",
            Self::VerifiedLast => "V-1",
            Self::CountsAddUp => "C-1",
            Self::CursorBelowSettled => "C-2",
            Self::UnknownPublishesNothing => "U-1",
            Self::CompletedIsListed => "S-1",
            Self::NothingTwice => "E-1",
            Self::NothingLost => "E-2",
            Self::PauseHolds => "P-1",
            Self::LimitsHold => "P-2",
            Self::PartsMakeTheWhole => "W-1",
            Self::RollbackIsWhole => "R-1",
        }
    }
}

impl fmt::Display for Invariant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.id())
    }
}
