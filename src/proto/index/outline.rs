//! What can be said of an index without holding its slices.

use cid::Cid;
use indexmap::IndexMap;

use super::error::IndexError;
use super::extract::{self, Sink};
use super::slices::Position;
use crate::proto::multihash::{IDENTITY, Multihash};

/// An index that was read through: what it covers, in memory that grows with its shards and never with its slices.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outline {
    content: Cid,
    leads_to_content: bool,
    slices: usize,
    /// By digest.
    shards: IndexMap<Multihash, Extent>,
}

/// What an index says of one shard.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Extent {
    /// Bytes of the shard by its own slice, if that is there and starts where the shard does.
    pub length: Option<u64>,
    /// Where the slice ends that reaches farthest, and which it is.
    pub farthest: Option<(u64, Multihash)>,
}

impl Outline {
    /// Reads an archive whose blocks stand in any order. Needs one root; checks the hash of every block it uses.
    ///
    /// # Errors
    /// As [`super::ShardedDagIndex::extract`].
    pub fn read(archive: &[u8]) -> Result<Self, IndexError> {
        let mut sink = Reading::default();
        let content = extract::read(archive, &mut sink)?;
        let Reading {
            mut shards, leads, ..
        } = sink;
        shards.sort_by(|one, _, other, _| one.digest().cmp(other.digest()));
        Ok(Self {
            content,
            leads_to_content: leads || content.hash().code() == IDENTITY,
            slices: sink.slices,
            shards,
        })
    }

    /// The content root as given.
    #[must_use]
    pub fn content(&self) -> &Cid {
        &self.content
    }

    /// Whether a reader finds the content root by it: in a slice of any shard, or in the hash itself.
    #[must_use]
    pub fn leads_to_content(&self) -> bool {
        self.leads_to_content
    }

    /// Number of shards.
    #[must_use]
    pub fn shard_count(&self) -> usize {
        self.shards.len()
    }

    /// Number of slices in all shards, repeats counted.
    #[must_use]
    pub fn slice_count(&self) -> usize {
        self.slices
    }

    /// The shards by digest.
    pub fn shards(&self) -> impl Iterator<Item = &Multihash> {
        self.shards.keys()
    }

    /// What it says of a shard; `None` if there is no such shard.
    #[must_use]
    pub fn extent(&self, shard: &Multihash) -> Option<&Extent> {
        self.shards.get(shard)
    }
}

/// An outline in the making.
#[derive(Default)]
struct Reading {
    content: Option<Multihash>,
    leads: bool,
    slices: usize,
    shards: IndexMap<Multihash, Extent>,
    /// The shard whose slices come.
    at: usize,
}

impl Sink for Reading {
    fn content(&mut self, content: &Cid) {
        self.content = Some(Multihash::of(content));
    }

    fn shard(&mut self, shard: Multihash) {
        let entry = self.shards.entry(shard);
        self.at = entry.index();
        entry.or_default();
    }

    fn slice(&mut self, slice: &[u8], position: Position) -> Result<(), IndexError> {
        Multihash::check(slice).map_err(IndexError::Multihash)?;
        self.slices += 1;
        self.leads |= self
            .content
            .as_ref()
            .is_some_and(|root| root.as_bytes() == slice);
        let Some((shard, extent)) = self.shards.get_index_mut(self.at) else {
            return Ok(());
        };
        // The last of two slices of one name counts.
        if shard.as_bytes() == slice {
            extent.length = (position.offset == 0).then_some(position.length);
        }
        let end = position.offset.saturating_add(position.length);
        if extent.farthest.as_ref().is_none_or(|(most, _)| end > *most) {
            let slice = Multihash::from_bytes(slice).map_err(IndexError::Multihash)?;
            extent.farthest = Some((end, slice));
        }
        Ok(())
    }
}
