//! The content of a planned upload: files, blocks, CAR shards. A pure function of the
//! world's seed and the plan, so that an audit can make the same bytes again.

use std::collections::BTreeMap;

use cid::Cid;
use fastrand::Rng;

use super::plan::{Shape, Upload};
use super::writer::{Entry, Writer};
use crate::proto::block::Block;
use crate::proto::car;
use crate::proto::multihash::{Multihash, codec};

/// The content of one upload.
#[derive(Debug)]
pub struct Content {
    /// The root of the DAG.
    pub root: Cid,
    /// Content of each file by path below the root; the path of a single file is empty.
    pub files: BTreeMap<String, Vec<u8>>,
    /// The shards, each with blocks that no other holds.
    pub shards: Vec<Shard>,
}

/// One CAR of an upload.
#[derive(Clone, Debug)]
pub struct Shard {
    /// The CARv1 bytes.
    pub car: Vec<u8>,
    /// sha2-256 of the bytes, the identity of the blob.
    pub digest: Multihash,
    /// The CAR's CID (version 1, codec 0x0202).
    pub cid: Cid,
}

impl Shard {
    /// Names CAR bytes by their digest.
    ///
    /// # Panics
    /// Never: a sha2-256 digest fits a CID.
    #[must_use]
    pub fn new(car: Vec<u8>) -> Self {
        let digest = Multihash::sha256(&car);
        let cid = digest
            .cid(codec::CAR)
            .expect("a sha2-256 digest fits a CID");
        Self { car, digest, cid }
    }
}

/// Makes the content of `upload` in the world of `seed`.
#[must_use]
pub fn make(seed: u64, upload: &Upload) -> Content {
    let mut rng = Rng::with_seed(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ upload.number as u64);
    let mut writer = Writer::new(upload.leaves, upload.version);
    let mut files = BTreeMap::new();
    let root = match &upload.shape {
        Shape::File(size) => {
            let bytes = random(&mut rng, *size);
            let entry = writer.file(&bytes, upload.chunk);
            files.insert(String::new(), bytes);
            entry
        }
        Shape::Directory(sizes) => {
            let entries = add_files(&mut rng, &mut writer, &mut files, sizes, upload.chunk);
            writer.directory(entries)
        }
        Shape::ShardedDirectory(sizes) => {
            let entries = add_files(&mut rng, &mut writer, &mut files, sizes, upload.chunk);
            writer.sharded_directory(entries)
        }
    };
    let shards = cut(writer.into_blocks(), root.cid, upload.shards);
    Content {
        root: root.cid,
        files,
        shards,
    }
}

/// The CAR with one byte of one block's payload turned over, under the digest the damaged
/// bytes have: such a CAR was stored as it is, only its content lies.
#[must_use]
pub fn corrupted(shard: &Shard) -> Shard {
    let mut car = shard.car.clone();
    if let Some(last) = car.last_mut() {
        *last ^= 0x01;
    }
    Shard::new(car)
}

fn random(rng: &mut Rng, size: usize) -> Vec<u8> {
    let mut bytes = vec![0; size];
    rng.fill(&mut bytes);
    bytes
}

fn add_files(
    rng: &mut Rng,
    writer: &mut Writer,
    files: &mut BTreeMap<String, Vec<u8>>,
    sizes: &[usize],
    chunk: usize,
) -> Vec<Entry> {
    let mut entries = Vec::with_capacity(sizes.len());
    for (index, size) in sizes.iter().enumerate() {
        let name = format!("part {index}.bin");
        let bytes = random(rng, *size);
        entries.push(Entry {
            name: name.clone(),
            ..writer.file(&bytes, chunk)
        });
        files.insert(name, bytes);
    }
    entries
}

/// Cuts blocks into at most `count` CARs of about equal size. The root lies in the last
/// one, whose header names it, as the network's own client does.
fn cut(blocks: Vec<Block>, root: Cid, count: usize) -> Vec<Shard> {
    let total: usize = blocks.iter().map(|block| block.bytes.len()).sum();
    let target = total / count.max(1) + 1;
    let mut groups: Vec<Vec<Block>> = vec![Vec::new()];
    let mut filled = 0;
    for block in blocks {
        if filled >= target && groups.len() < count {
            groups.push(Vec::new());
            filled = 0;
        }
        filled += block.bytes.len();
        if let Some(group) = groups.last_mut() {
            group.push(block);
        }
    }
    let last = groups.len() - 1;
    groups
        .into_iter()
        .enumerate()
        .map(|(index, group)| {
            let roots = if index == last {
                vec![root]
            } else {
                Vec::new()
            };
            let blocks = group.iter().map(|block| (&block.cid, &block.bytes[..]));
            Shard::new(car::write(&roots, blocks))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sandbox::world::plan::{Plan, Sizes};

    #[test]
    fn content_is_made_again_to_the_byte() {
        let plan = Plan::new(
            5,
            Sizes {
                customers: 2,
                spaces: 3,
                uploads: 12,
            },
        );
        for upload in &plan.uploads {
            let (one, other) = (make(5, upload), make(5, upload));
            assert_eq!(one.root, other.root);
            assert_eq!(one.files, other.files);
            assert!(one.shards.len() <= upload.shards && !one.shards.is_empty());
        }
    }

    #[test]
    fn a_corrupted_shard_has_another_digest_and_the_same_size() {
        let plan = Plan::new(
            6,
            Sizes {
                customers: 1,
                spaces: 1,
                uploads: 1,
            },
        );
        let shard = make(6, &plan.uploads[0]).shards.remove(0);
        let bad = corrupted(&shard);
        assert_eq!(bad.car.len(), shard.car.len());
        assert_ne!(bad.digest, shard.digest);
    }
}
