//! The effects in the journals, sorted by unit and item, and what is missing of the journals.

mod entry;
mod index;
mod journals;
mod list;
mod missing;
mod things;

pub(super) use entry::{Entry, Key};
pub(super) use index::{EffectFilter, EffectIndex, Effects, Indexed, OfItem};
pub use journals::KnownRun;
pub(super) use journals::{LineFilter, Read, journals};
pub(super) use list::List;
pub use list::Listed;
pub(super) use missing::{Available, Missing};
pub use missing::{Lack, MissingJournal};
pub(super) use things::Things;
