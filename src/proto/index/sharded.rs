//! The index in memory.

use std::cmp::Ordering;

use cid::Cid;
use indexmap::IndexMap;

use super::build::Shard;
use super::slices::{Position, Slices};
use crate::proto::multihash::{IDENTITY, Multihash};

/// Content root, shards, slices.
#[derive(Debug, Clone, Eq)]
pub struct ShardedDagIndex {
    content: Cid,
    shards: IndexMap<Multihash, Slices>,
}

impl ShardedDagIndex {
    /// An index without shards.
    #[must_use]
    pub fn new(content: Cid) -> Self {
        Self {
            content,
            shards: IndexMap::new(),
        }
    }

    pub(super) fn of(content: Cid, shards: IndexMap<Multihash, Slices>) -> Self {
        Self { content, shards }
    }

    /// The content root as given.
    #[must_use]
    pub fn content(&self) -> &Cid {
        &self.content
    }

    /// Sets where a slice lies; what was set before for the same slice of the same shard is forgotten.
    pub fn set_slice(&mut self, shard: &Multihash, slice: Multihash, position: Position) {
        self.slices_mut(shard).insert(slice, position);
    }

    /// Adds what a [`super::ShardBuilder`] found.
    pub fn add(&mut self, shard: Shard) {
        let slices = self.slices_mut(&shard.hash);
        slices.extend(shard.slices);
    }

    /// Number of shards.
    #[must_use]
    pub fn shard_count(&self) -> usize {
        self.shards.len()
    }

    /// Number of slices in all shards, the shards themselves included.
    #[must_use]
    pub fn slice_count(&self) -> usize {
        self.shards.values().map(Slices::len).sum()
    }

    /// The shards by digest.
    #[must_use]
    pub fn shards(&self) -> Vec<(&Multihash, &Slices)> {
        let mut shards: Vec<_> = self.shards.iter().collect();
        shards.sort_by(|(a, _), (b, _)| by_digest(a, b));
        shards
    }

    /// The slices of a shard by digest; `None` if there is no such shard.
    #[must_use]
    pub fn slices(&self, shard: &Multihash) -> Option<Vec<(&Multihash, Position)>> {
        self.shards.get(shard).map(sorted)
    }

    /// Every place of a block: shard and position, the shards in the order they were set.
    pub fn find<'a>(
        &'a self,
        slice: &'a Multihash,
    ) -> impl Iterator<Item = (&'a Multihash, Position)> {
        self.shards
            .iter()
            .filter_map(move |(shard, slices)| Some((shard, *slices.get(slice)?)))
    }

    /// Whether a reader finds a block by it: in a slice of any shard, or in the hash itself.
    #[must_use]
    pub fn leads_to(&self, block: &Multihash) -> bool {
        block.code() == IDENTITY
            || self
                .shards
                .values()
                .any(|slices| slices.contains_key(block))
    }

    pub(super) fn slices_mut(&mut self, shard: &Multihash) -> &mut Slices {
        self.shards.entry(shard.clone()).or_default()
    }
}

impl PartialEq for ShardedDagIndex {
    /// Whether both say the same; the order in which it was set does not count.
    fn eq(&self, other: &Self) -> bool {
        self.content == other.content && self.shards == other.shards
    }
}

/// Slices by digest.
pub(super) fn sorted(slices: &Slices) -> Vec<(&Multihash, Position)> {
    let mut slices: Vec<_> = slices
        .iter()
        .map(|(hash, position)| (hash, *position))
        .collect();
    slices.sort_by(|(a, _), (b, _)| by_digest(a, b));
    slices
}

fn by_digest(a: &Multihash, b: &Multihash) -> Ordering {
    a.digest().cmp(b.digest())
}
