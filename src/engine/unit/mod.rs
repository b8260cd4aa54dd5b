//! One unit: lease it, go on where it was, sweep its items, settle it or give it back.

mod finish;
mod hand;
mod keeper;
mod steps;
mod sweep;
mod work;

pub(super) use finish::{release, save, summary};
pub(super) use hand::{InHand, state_failure};
pub(super) use keeper::Keeper;
pub(super) use keeper::keep;
pub(super) use steps::unit_steps;
pub(super) use sweep::step;
pub(super) use work::{Claim, UnitEnd, claim, work};
