//! One run: units, single items, or items that failed before. Audits and rollbacks use its loop, its background tasks
//! and its ending.

mod background;
mod control;
mod ending;
mod helper;
mod items;
mod queue;
mod remaining;
mod start;
mod unbegun;
mod units;
mod watchdog;

pub(super) use background::{report, spawn, start as helpers, until_drained, write_files};
pub(super) use ending::ended;
pub use items::failed_items;
pub(super) use remaining::Remaining;
pub use start::run;
pub(super) use units::{Schedule, all as all_units};
