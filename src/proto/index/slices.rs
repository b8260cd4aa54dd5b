//! Where the slices of a shard lie.

use indexmap::IndexMap;

use crate::proto::multihash::Multihash;

/// Where a slice lies in its shard.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Position {
    /// First byte.
    pub offset: u64,
    /// Bytes.
    pub length: u64,
}

/// The slices of one shard, in the order they were set.
pub type Slices = IndexMap<Multihash, Position>;
