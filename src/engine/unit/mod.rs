//! One unit: lease it, go on where it was, sweep its items, settle it or give it back.

mod finish;
mod hand;
mod keeper;
mod steps;
mod sweep;
mod work;

pub(super) use finish::{end, release, save, unsaved};
pub(super) use hand::InHand;
pub(super) use keeper::{Keeper, Unwritten, keep};
pub(super) use steps::{adopted, unit_steps};
pub(super) use sweep::step;
pub(super) use work::{Claim, UnitEnd, Wanted, claim, unrecorded, work};
