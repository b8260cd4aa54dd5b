//! Writing an answer.

use bytes::Bytes;
use cid::Cid;

use super::{IndexBlock, QueryResult};
use crate::proto::multihash::{Multihash, codec};
use crate::proto::raw_cbor::Writer;
use crate::proto::{Block, Blocks, car};

/// The key of the root block.
pub(super) const VARIANT: &[u8] = b"index/query/result@0.1";

/// Where writers differ; readers must take all of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Form {
    /// What to write when there are no indexes.
    pub no_indexes: NoIndexes,
    /// Where the root block stands.
    pub root: Place,
}

/// How the map of indexes is written when it is empty.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoIndexes {
    /// As an empty map.
    Empty,
    /// Not at all.
    Absent,
}

/// Where the root block stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// Before all others.
    First,
    /// After all others.
    Last,
}

impl Form {
    /// As the JS client's library writes.
    pub const JS: Self = Self {
        no_indexes: NoIndexes::Empty,
        root: Place::Last,
    };
    /// As the indexing service writes.
    pub const GO: Self = Self {
        no_indexes: NoIndexes::Absent,
        root: Place::First,
    };
}

/// The body of an answer. Keys of indexes are written as they are.
#[must_use]
pub fn encode(result: &QueryResult, form: Form) -> Vec<u8> {
    let root = root(result, form.no_indexes);
    let mut blocks = Blocks::new();
    if form.root == Place::First {
        blocks.insert(root.clone());
    }
    // A claim that was read from an answer exports the index it links to as well: that has its own place.
    let own_place = |block: &Block| result.indexes.iter().any(|index| index.link == block.cid);
    for claim in &result.claims {
        blocks.extend(claim.export().into_iter().filter(|block| !own_place(block)));
    }
    for IndexBlock { link, archive, .. } in &result.indexes {
        blocks.insert(Block {
            cid: *link,
            bytes: archive.clone(),
        });
    }
    let cid = root.cid;
    blocks.insert(root);
    let blocks: Vec<_> = blocks.iter().collect();
    car::write(
        &[cid],
        blocks.iter().map(|block| (&block.cid, &block.bytes[..])),
    )
}

fn root(result: &QueryResult, no_indexes: NoIndexes) -> Block {
    let with_indexes = no_indexes == NoIndexes::Empty || !result.indexes.is_empty();
    let mut writer = Writer::default();
    writer
        .map(1)
        .text(VARIANT)
        .map(1 + usize::from(with_indexes))
        .text(b"claims")
        .list(result.claims.len());
    for claim in &result.claims {
        writer.link(&claim.cid().to_bytes());
    }
    if with_indexes {
        let mut indexes: Vec<_> = result.indexes.iter().collect();
        indexes.sort_by(|a, b| (a.key.len(), &a.key).cmp(&(b.key.len(), &b.key)));
        indexes.dedup_by(|later, first| later.key == first.key);
        writer.text(b"indexes").map(indexes.len());
        for index in indexes {
            writer.text(&index.key).link(&index.link.to_bytes());
        }
    }
    let bytes = writer.finish();
    let cid: Cid = Multihash::link(codec::DAG_CBOR, &bytes);
    Block {
        cid,
        bytes: Bytes::from(bytes),
    }
}
