//! One file per table: its rows and the writes that are allowed.

mod control;
mod failures;
mod fleet;
mod format;
mod holder;
mod journals;
mod lease;
mod parts;
mod plans;
mod progress;
mod progress_row;
mod totals;

pub use control::{Scope, ScopedControl};
pub use failures::{FailedPage, FailedQuery};
pub use format::FORMAT;
pub use holder::LeaseHolder;
pub use lease::{Grant, Reopen, TakeKind};
pub use progress_row::ProgressRow;
pub use totals::{StoredTotals, Turn};
