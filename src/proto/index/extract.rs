//! Reading an archive.

use std::collections::HashMap;

use cid::Cid;

use super::archive::VARIANT;
use super::error::Error;
use super::sharded::{Position, ShardedDagIndex};
use crate::proto::car;
use crate::proto::multihash::Multihash;
use crate::proto::raw_cbor::{self, Reader};

impl ShardedDagIndex {
    /// Reads an archive whose blocks stand in any order. Needs one root; checks the hash of every block it uses.
    pub fn extract(bytes: &[u8]) -> Result<Self, Error> {
        let car = car::read(bytes)?;
        let root = car.header.root()?;
        let blocks = car
            .entries
            .iter()
            .filter_map(|entry| Some((entry.id.cid().ok()?, entry.payload)))
            .collect();
        let (content, shards) = read_root(find(&blocks, root)?)?;
        let mut index = Self::new(content);
        for shard in shards {
            read_shard(find(&blocks, shard)?, &mut index)?;
        }
        Ok(index)
    }
}

fn find<'a>(blocks: &HashMap<Cid, &'a [u8]>, cid: Cid) -> Result<&'a [u8], Error> {
    let bytes = blocks.get(&cid).ok_or(Error::Missing(cid))?;
    Multihash::of(&cid)
        .verify(bytes)
        .map_err(|source| Error::Corrupt { id: cid, source })?;
    Ok(bytes)
}

fn read_root(bytes: &[u8]) -> Result<(Cid, Vec<Cid>), Error> {
    let malformed = |source| Error::Malformed {
        part: "the root",
        source,
    };
    let unexpected = |expected| malformed(raw_cbor::Error::Unexpected { expected, at: 0 });
    let mut reader = Reader::new(bytes);
    if reader.map().map_err(malformed)? != 1 {
        return Err(unexpected("one variant"));
    }
    let variant = reader.text().map_err(malformed)?;
    if variant != VARIANT.as_bytes() {
        return Err(Error::Variant(
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

fn read_shard(bytes: &[u8], index: &mut ShardedDagIndex) -> Result<(), Error> {
    let malformed = |source| Error::Malformed {
        part: "a shard",
        source,
    };
    let mut reader = Reader::new(bytes);
    pair(&mut reader).map_err(malformed)?;
    let hash = |bytes| Multihash::from_bytes(bytes).map_err(Error::Multihash);
    let shard = hash(reader.bytes().map_err(malformed)?)?;
    let slices = index.slices_mut(&shard);
    for _ in 0..reader.list().map_err(malformed)? {
        pair(&mut reader).map_err(malformed)?;
        let slice = hash(reader.bytes().map_err(malformed)?)?;
        pair(&mut reader).map_err(malformed)?;
        let offset = reader.uint().map_err(malformed)?;
        let length = reader.uint().map_err(malformed)?;
        slices.insert(slice, Position { offset, length });
    }
    reader.end().map_err(malformed)
}

fn pair(reader: &mut Reader<'_>) -> Result<(), raw_cbor::Error> {
    match reader.list()? {
        2 => Ok(()),
        _ => Err(raw_cbor::Error::Unexpected {
            expected: "a pair",
            at: reader.at(),
        }),
    }
}

fn link(
    reader: &mut Reader<'_>,
    malformed: impl Fn(raw_cbor::Error) -> Error,
) -> Result<Cid, Error> {
    Cid::try_from(reader.link().map_err(malformed)?).map_err(|_| Error::Link)
}
