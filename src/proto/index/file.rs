//! `index build` and `index show`: an index of CAR files, and an index for people and scripts.

use std::io::Read;
use std::sync::mpsc;
use std::thread;

use bytes::Bytes;
use cid::Cid;
use serde_json::{Value, json};

use super::build::{Name, Shard, ShardBuilder, Unverifiable};
use super::error::IndexError;
use super::sharded::ShardedDagIndex;
use crate::proto::car::Limits;
use crate::proto::index::link;
use crate::proto::multihash::{Multihash, Sha256};

/// Bytes read at once.
const PIECE: usize = 1 << 20;
/// Pieces that may wait for the second hash.
const WAITING: usize = 4;

/// An index and its archive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Built {
    /// The index.
    pub index: ShardedDagIndex,
    /// Its archive.
    pub archive: Vec<u8>,
}

impl Built {
    /// What `index build` prints: the link of the archive, shards, slices, bytes of archive.
    #[must_use]
    pub fn json(&self) -> Value {
        json!({
            "index": link(&self.archive).to_string(),
            "shards": self.index.shard_count(),
            "slices": self.index.slice_count(),
            "bytes": self.archive.len(),
        })
    }
}

/// Indexes CAR files whose names are not known: each is read once, and hashed as a whole on a second thread while its
/// blocks are hashed on this one.
///
/// # Errors
/// A file cannot be read, is no CAR, or holds a block that does not have the hash that names it.
pub fn build<R: Read>(
    content: Cid,
    files: impl IntoIterator<Item = R>,
) -> Result<Built, IndexError> {
    let mut index = ShardedDagIndex::new(content);
    for file in files {
        index.add(shard(file)?);
    }
    let archive = index.archive();
    Ok(Built { index, archive })
}

/// What `index show` prints: DAG-JSON of content, shards and slices, in the order of the archive.
///
/// # Errors
/// As [`ShardedDagIndex::extract`].
pub fn show(archive: &[u8]) -> Result<Value, IndexError> {
    let index = ShardedDagIndex::extract(archive)?;
    let shards: Vec<_> = index
        .shards()
        .into_iter()
        .map(|(hash, _)| shard_json(&index, hash))
        .collect();
    Ok(json!({ "content": { "/": index.content().to_string() }, "shards": shards }))
}

fn shard_json(index: &ShardedDagIndex, shard: &Multihash) -> Value {
    let slices: Vec<_> = index
        .slices(shard)
        .unwrap_or_default()
        .into_iter()
        .map(|(slice, position)| json!([bytes_json(slice), [position.offset, position.length]]))
        .collect();
    json!({ "shard": bytes_json(shard), "slices": slices })
}

/// Bytes in DAG-JSON.
fn bytes_json(hash: &Multihash) -> Value {
    use base64::Engine as _;
    json!({ "/": { "bytes": base64::engine::general_purpose::STANDARD_NO_PAD.encode(hash.as_bytes()) } })
}

fn shard(mut file: impl Read) -> Result<Shard, IndexError> {
    let mut builder = ShardBuilder::new(Name::Later, Limits::default(), Unverifiable::Refuse);
    thread::scope(|scope| {
        let (pieces, waiting) = mpsc::sync_channel::<Bytes>(WAITING);
        let whole = scope.spawn(move || {
            let mut hasher = Sha256::new();
            for piece in waiting {
                hasher.update(&piece);
            }
            hasher.finish()
        });
        loop {
            let piece = fill(&mut file)?;
            if piece.is_empty() {
                break;
            }
            pieces
                .send(piece.clone())
                .expect("the hashing thread takes until the end");
            builder.push(&piece)?;
        }
        drop(pieces);
        builder.finish_as(whole.join().expect("hashing does not panic"))
    })
}

/// The next piece; empty at the end of the file.
fn fill(file: &mut impl Read) -> Result<Bytes, IndexError> {
    let mut piece = vec![0; PIECE];
    let mut length = 0;
    while length < PIECE {
        match file.read(&mut piece[length..]) {
            Ok(0) => break,
            Ok(read) => length += read,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error.into()),
        }
    }
    piece.truncate(length);
    Ok(piece.into())
}
