//! One run: many units, some items, or items that failed before.

mod again;
mod background;
mod chunks;
mod control;
mod ending;
mod failed;
mod helper;
mod items;
mod queue;
mod remaining;
mod start;
mod unbegun;
mod watchdog;

pub(super) use background::{report, start as helpers, write_files};
pub use chunks::failed_items;
pub use start::run;
