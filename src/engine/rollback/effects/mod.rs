//! What the journals say was made, sorted by unit and item, and what is missing of them.

mod entry;
mod index;
mod journals;
mod list;
mod missing;
mod things;

pub(super) use entry::{Entry, Key};
pub(super) use index::{Asked, EffectIndex, Effects, Indexed, OfItem};
pub use journals::KnownRun;
pub(super) use journals::{Read, Wanted, journals};
pub(super) use list::List;
pub use list::Listed;
pub(super) use missing::{AtHand, Missing};
pub use missing::{Lack, MissingJournal};
pub(super) use things::Things;
