//! One run: many units, some items, or items that failed before.

mod again;
mod background;
mod chunks;
mod control;
mod failed;
mod items;
mod queue;
mod start;
mod steal;
mod unbegun;

pub(super) use background::{report, start as helpers, write_files};
pub use chunks::failed_items;
pub use start::run;
