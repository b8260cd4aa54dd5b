//! One probe of the world: the claims about an upload, and the sizes of its shards.

mod claimants;
mod observation;
mod presence;
mod probe;
mod read;

pub(super) use observation::StoredIndex;
pub use observation::{Absent, Claims, FoundIndex, FoundLocation, Observation, Shard, Signed};
pub(super) use presence::{check_length, could_not_tell, is_index_there, nowhere};
pub(super) use probe::probe;
