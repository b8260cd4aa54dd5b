//! An index as a CAR.

use cid::Cid;

use super::sharded::{ShardedDagIndex, sorted};
use super::slices::Slices;
use crate::proto::car;
use crate::proto::multihash::{Multihash, codec};
use crate::proto::raw_cbor::Writer;

/// The key of the root block.
pub(super) const VARIANT: &str = "index/sharded/dag@0.1";

impl ShardedDagIndex {
    /// The archive: root block first, then one block per shard.
    #[must_use]
    pub fn archive(&self) -> Vec<u8> {
        let shards: Vec<_> = self
            .shards()
            .into_iter()
            .map(|(shard, slices)| block(shard_bytes(shard, slices)))
            .collect();
        let mut root = Writer::default();
        root.map(1)
            .text(VARIANT.as_bytes())
            .map(2)
            .text(b"shards")
            .list(shards.len());
        for (cid, _) in &shards {
            root.link(&cid.to_bytes());
        }
        root.text(b"content").link(&self.content().to_bytes());
        let root = block(root.finish());
        let roots = [root.0];
        car::write(
            &roots,
            std::iter::once(&root)
                .chain(&shards)
                .map(|(cid, bytes)| (cid, &bytes[..])),
        )
    }
}

/// The CID of an archive in claims: `CIDv1` of the CAR codec.
#[must_use]
pub fn link(archive: &[u8]) -> Cid {
    Multihash::link(codec::CAR, archive)
}

fn shard_bytes(shard: &Multihash, slices: &Slices) -> Vec<u8> {
    let mut block = Writer::default();
    block.list(2).bytes(shard.as_bytes()).list(slices.len());
    for (slice, position) in sorted(slices) {
        block
            .list(2)
            .bytes(slice.as_bytes())
            .list(2)
            .uint(position.offset)
            .uint(position.length);
    }
    block.finish()
}

fn block(bytes: Vec<u8>) -> (Cid, Vec<u8>) {
    (Multihash::link(codec::DAG_CBOR, &bytes), bytes)
}
