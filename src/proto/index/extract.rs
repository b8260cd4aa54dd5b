//! Reading an archive.

use std::collections::HashMap;

use cid::Cid;
use indexmap::IndexMap;

use super::archive::VARIANT;
use super::error::IndexError;
use super::sharded::ShardedDagIndex;
use super::slices::{Position, Slices};
use crate::proto::car;
use crate::proto::multihash::Multihash;
use crate::proto::raw_cbor::{self, Reader};

/// Shards of an index: as many as there may be blocks in its archive.
const SHARDS: usize = 1 << 16;
/// Slices of an index that is held whole: 190 MB of archive and three times as much in memory.
const SLICES: usize = 1 << 22;

impl ShardedDagIndex {
    /// Reads an archive whose blocks stand in any order. Needs one root; checks the hash of every block it uses.
    ///
    /// # Errors
    /// The bytes are no archive of an index, a block of it is missing or does not have the hash that names it, or there
    /// are more than 65,536 shards or 4,194,304 slices.
    pub fn extract(bytes: &[u8]) -> Result<Self, IndexError> {
        let mut holding = Holding::default();
        let content = read(bytes, &mut holding)?;
        Ok(Self::of(content, holding.shards))
    }
}

/// Takes what is read of an index: the content, then shard for shard, each before its slices.
pub(super) trait Sink {
    /// The content root.
    fn content(&mut self, content: &Cid);
    /// A shard, whose slices follow; one shard may come twice.
    fn shard(&mut self, shard: Multihash);
    /// A slice of the shard that came last, by the bytes of its multihash, which are not checked.
    fn slice(&mut self, slice: &[u8], position: Position) -> Result<(), IndexError>;
}

/// Reads an archive into `sink`, and gives the content root.
pub(super) fn read(bytes: &[u8], sink: &mut impl Sink) -> Result<Cid, IndexError> {
    let car = car::read(bytes)?;
    let root = car.header.root()?;
    let blocks = car
        .entries
        .iter()
        .filter_map(|entry| Some((entry.id.cid().ok()?, entry.payload)))
        .collect();
    let (content, shards) = read_root(find(&blocks, root)?)?;
    sink.content(&content);
    for shard in shards {
        read_shard(find(&blocks, shard)?, sink)?;
    }
    Ok(content)
}

/// An index in the making.
#[derive(Default)]
struct Holding {
    shards: IndexMap<Multihash, Slices>,
    slices: usize,
    /// The shard whose slices come.
    at: usize,
}

impl Sink for Holding {
    fn content(&mut self, _: &Cid) {}

    fn shard(&mut self, shard: Multihash) {
        let entry = self.shards.entry(shard);
        self.at = entry.index();
        entry.or_default();
    }

    fn slice(&mut self, slice: &[u8], position: Position) -> Result<(), IndexError> {
        self.slices += 1;
        if self.slices > SLICES {
            return Err(IndexError::TooMany("slices", SLICES));
        }
        let slice = Multihash::from_bytes(slice).map_err(IndexError::Multihash)?;
        if let Some((_, slices)) = self.shards.get_index_mut(self.at) {
            slices.insert(slice, position);
        }
        Ok(())
    }
}

fn find<'a>(blocks: &HashMap<Cid, &'a [u8]>, cid: Cid) -> Result<&'a [u8], IndexError> {
    let bytes = blocks.get(&cid).ok_or(IndexError::Missing(cid))?;
    Multihash::of(&cid)
        .verify(bytes)
        .map_err(|source| IndexError::Corrupt { id: cid, source })?;
    Ok(bytes)
}

fn read_root(bytes: &[u8]) -> Result<(Cid, Vec<Cid>), IndexError> {
    let malformed = |source| IndexError::Malformed {
        part: "the root",
        source,
    };
    let unexpected = |expected| malformed(raw_cbor::RawCborError::Unexpected { expected, at: 0 });
    let mut reader = Reader::new(bytes);
    if reader.map().map_err(malformed)? != 1 {
        return Err(unexpected("one variant"));
    }
    let variant = reader.text().map_err(malformed)?;
    if variant != VARIANT.as_bytes() {
        return Err(IndexError::Variant(
            String::from_utf8_lossy(&variant[..variant.len().min(80)]).into_owned(),
        ));
    }
    let (mut content, mut shards) = (None, None);
    for _ in 0..reader.map().map_err(malformed)? {
        match reader.text().map_err(malformed)? {
            b"content" if content.is_none() => content = Some(link(&mut reader, malformed)?),
            b"shards" if shards.is_none() => {
                let mut links = Vec::new();
                for _ in 0..reader.list().map_err(malformed)? {
                    if links.len() == SHARDS {
                        return Err(IndexError::TooMany("shards", SHARDS));
                    }
                    links.push(link(&mut reader, malformed)?);
                }
                shards = Some(links);
            }
            _ => return Err(unexpected("content and shards")),
        }
    }
    reader.end().map_err(malformed)?;
    Ok((
        content.ok_or_else(|| unexpected("content"))?,
        shards.ok_or_else(|| unexpected("shards"))?,
    ))
}

fn read_shard(bytes: &[u8], sink: &mut impl Sink) -> Result<(), IndexError> {
    let malformed = |source| IndexError::Malformed {
        part: "a shard",
        source,
    };
    let mut reader = Reader::new(bytes);
    pair(&mut reader).map_err(malformed)?;
    let shard = Multihash::from_bytes(reader.bytes().map_err(malformed)?);
    sink.shard(shard.map_err(IndexError::Multihash)?);
    for _ in 0..reader.list().map_err(malformed)? {
        pair(&mut reader).map_err(malformed)?;
        let slice = reader.bytes().map_err(malformed)?;
        pair(&mut reader).map_err(malformed)?;
        let offset = reader.uint().map_err(malformed)?;
        let length = reader.uint().map_err(malformed)?;
        sink.slice(slice, Position { offset, length })?;
    }
    reader.end().map_err(malformed)
}

fn pair(reader: &mut Reader<'_>) -> Result<(), raw_cbor::RawCborError> {
    match reader.list()? {
        2 => Ok(()),
        _ => Err(raw_cbor::RawCborError::Unexpected {
            expected: "a pair",
            at: reader.at(),
        }),
    }
}

fn link(
    reader: &mut Reader<'_>,
    malformed: impl Fn(raw_cbor::RawCborError) -> IndexError,
) -> Result<Cid, IndexError> {
    Cid::try_from(reader.link().map_err(malformed)?).map_err(|_| IndexError::Link)
}
