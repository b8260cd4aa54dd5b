//! One look at the world: the claims about an upload, and the sizes of its shards.

mod look;
mod read;
mod seen;

pub(super) use look::look;
pub(super) use seen::StoredIndex;
pub use seen::{Claims, FoundIndex, FoundLocation, Seen, Shard, Signed};
