//! Single items, listed or failed before, piece by piece.

mod again;
mod chunks;
mod pieces;
mod unleased;

pub(super) use again::Which;
pub use chunks::failed_items;
pub(super) use chunks::{Chunk, named, single};
pub(super) use pieces::pieces;
