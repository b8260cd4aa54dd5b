//! One unit: lease it, go on where it was, sweep its items, settle it or give it back.

mod alone;
mod claim;
mod cut;
mod finish;
mod hand;
mod keeper;
mod kept_back;
mod parts;
mod ready;
mod steps;
mod sweep;
mod work;

pub(super) use claim::{Claim, Failures, Wanted, claim, ended_before, unrecorded};
pub(super) use finish::{end, release, save, unsaved};
pub(super) use hand::{Before, InHand};
pub(super) use keeper::{Keeper, Unwritten, keep};
pub(super) use parts::{Parts, clear};
pub(super) use ready::{ready, tell_steps};
pub(super) use steps::{adopted, unit_steps};
pub(super) use sweep::step;
pub(super) use work::{UnitEnd, sweeps, work};
