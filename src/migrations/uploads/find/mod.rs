//! One look at the world: the claims about an upload, and the sizes of its shards.

mod claimants;
mod look;
mod presence;
mod read;
mod seen;

pub(super) use look::look;
pub(super) use presence::{check_length, could_not_tell, is_index_there, nowhere};
pub(super) use seen::StoredIndex;
pub use seen::{Absent, Claims, FoundIndex, FoundLocation, Seen, Shard, Signed};
