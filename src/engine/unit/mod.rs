//! One unit: claims it, continues at its cursor, passes over its items, and ends or releases it.

mod alone;
mod claim;
mod end;
mod finish;
mod kept_back;
mod leased;
mod pass;
mod plan_split;
mod ready;
mod split;
mod steps;
mod work;

pub(super) use claim::{ClaimRequest, Failures, claim, ended_before, unrecorded};
pub(super) use end::UnitEnd;
pub(super) use finish::{end, on_save_failed, release, save};
pub(super) use leased::{Before, LeasedUnit};
pub(super) use pass::settle_item;
pub(super) use ready::{publish_steps, ready};
pub(super) use split::{SplitUnit, clear};
pub(super) use steps::{adopted, unit_steps};
pub(super) use work::{run_passes, work};
