//! One unit: lease it, go on where it was, sweep its items, settle it or give it back.

mod alone;
mod claim;
mod cut;
mod end;
mod finish;
mod kept_back;
mod leased;
mod parts;
mod ready;
mod steps;
mod sweep;
mod work;

pub(super) use claim::{ClaimRequest, Failures, claim, ended_before, unrecorded};
pub(super) use end::UnitEnd;
pub(super) use finish::{end, release, save, unsaved};
pub(super) use leased::{Before, LeasedUnit};
pub(super) use parts::{Parts, clear};
pub(super) use ready::{ready, tell_steps};
pub(super) use steps::{adopted, unit_steps};
pub(super) use sweep::step;
pub(super) use work::{sweeps, work};
