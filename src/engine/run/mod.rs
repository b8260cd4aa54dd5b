//! One run: many units, some items, or items that failed before.

mod background;
mod failed;
mod items;
mod queue;
mod start;
mod steal;

pub(super) use background::{report, start as helpers, write_files};
pub use start::run;
