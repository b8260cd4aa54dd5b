//! Files and directories out of blocks.

use std::collections::HashSet;
use std::ops::Range;

use bytes::Bytes;
use cid::Cid;
use ipld_core::ipld::Ipld;

use super::blocks::{BlockError, Blocks};
use crate::proto::multihash::codec;
use crate::proto::{car, cbor};
use crate::sandbox::unixfs::{Data, Entry, HashBits, Kind, Link, PbNode, entry, prefix_width};

/// Most blocks of one answer.
const BLOCKS: usize = 1 << 20;
/// Deepest nesting.
const DEPTH: usize = 64;

/// What a path leads to.
pub(super) enum Found {
    /// A file with its size.
    File { cid: Cid, size: u64 },
    /// A directory with names and links.
    Directory {
        cid: Cid,
        entries: Vec<(String, Cid)>,
    },
}

/// Follows a path from a root.
pub(super) async fn resolve(
    blocks: &mut Blocks<'_>,
    root: &Cid,
    path: &[String],
) -> Result<Found, BlockError> {
    let mut cid = *root;
    for name in path {
        let no_entry = || BlockError::NoEntry(name.clone());
        if cid.codec() != codec::DAG_PB {
            return Err(no_entry());
        }
        let (node, data) = node(blocks, &cid).await?;
        cid = match data.kind {
            Kind::Directory => {
                node.links
                    .iter()
                    .find(|link| link.name == *name)
                    .ok_or_else(no_entry)?
                    .cid
            }
            Kind::Shard => in_shards(blocks, node, &data, name)
                .await?
                .ok_or_else(no_entry)?,
            Kind::Raw | Kind::File | Kind::Metadata | Kind::Symlink => return Err(no_entry()),
        };
    }
    found(blocks, cid).await
}

async fn found(blocks: &mut Blocks<'_>, cid: Cid) -> Result<Found, BlockError> {
    match cid.codec() {
        codec::RAW => Ok(Found::File {
            cid,
            size: blocks.get(&cid).await?.len() as u64,
        }),
        codec::DAG_PB => {
            let (node, data) = node(blocks, &cid).await?;
            match data.kind {
                Kind::File | Kind::Raw => Ok(Found::File {
                    cid,
                    size: size_of(&data),
                }),
                Kind::Directory => {
                    let entries = node
                        .links
                        .into_iter()
                        .map(|link| (link.name, link.cid))
                        .collect();
                    Ok(Found::Directory { cid, entries })
                }
                Kind::Shard => Ok(Found::Directory {
                    cid,
                    entries: all_entries(blocks, node, &data).await?,
                }),
                Kind::Symlink => Err(BlockError::OtherType("symlink")),
                Kind::Metadata => Err(BlockError::OtherType("metadata")),
            }
        }
        _ => Err(BlockError::OtherType("object")),
    }
}

/// Looks a name up in a sharded directory.
async fn in_shards(
    blocks: &mut Blocks<'_>,
    mut level: PbNode,
    data: &Data,
    name: &str,
) -> Result<Option<Cid>, BlockError> {
    let mut fanout = data.fanout.unwrap_or(256);
    let mut bits = HashBits::of(name);
    loop {
        match entry(&level, fanout, &mut bits, name) {
            None => return Ok(None),
            Some(Entry::Found(link)) => return Ok(Some(link.cid)),
            Some(Entry::Below(link)) => {
                let (next, data) = node(blocks, &link.cid).await?;
                fanout = data.fanout.unwrap_or(fanout);
                level = next;
            }
        }
    }
}

/// All entries of a sharded directory.
async fn all_entries(
    blocks: &mut Blocks<'_>,
    root: PbNode,
    data: &Data,
) -> Result<Vec<(String, Cid)>, BlockError> {
    let mut levels = vec![(root, data.fanout.unwrap_or(256), 0)];
    let mut entries = Vec::new();
    while let Some((level, fanout, depth)) = levels.pop() {
        let width = prefix_width(fanout);
        for Link { cid, name, .. } in level.links {
            match name.get(width..) {
                Some("") if depth < DEPTH => {
                    let (below, data) = node(blocks, &cid).await?;
                    levels.push((below, data.fanout.unwrap_or(fanout), depth + 1));
                }
                Some(name) if !name.is_empty() => entries.push((name.to_owned(), cid)),
                _ => {
                    return Err(BlockError::Node {
                        cid,
                        reason: "malformed sharded directory".to_owned(),
                    });
                }
            }
        }
    }
    entries.sort();
    Ok(entries)
}

/// Reads a part of a file, fetching only the blocks that hold it.
pub(super) async fn read(
    blocks: &mut Blocks<'_>,
    root: &Cid,
    range: Range<u64>,
) -> Result<Vec<u8>, BlockError> {
    let mut bytes = Vec::new();
    let mut stack = vec![(*root, 0_u64, 0)];
    while let Some((cid, start, depth)) = stack.pop() {
        let malformed = |reason: &str| BlockError::Node {
            cid,
            reason: reason.to_owned(),
        };
        if cid.codec() == codec::RAW {
            take(&blocks.get(&cid).await?, start, &range, &mut bytes);
            continue;
        }
        if cid.codec() != codec::DAG_PB || depth > DEPTH {
            return Err(malformed("not a part of a file"));
        }
        let (node, data) = node(blocks, &cid).await?;
        if node.links.len() != data.sizes.len() || !matches!(data.kind, Kind::File | Kind::Raw) {
            return Err(malformed("links and sizes differ"));
        }
        take(&data.bytes, start, &range, &mut bytes);
        let mut at = start.saturating_add(data.bytes.len() as u64);
        let mut parts = Vec::new();
        for (link, size) in node.links.iter().zip(&data.sizes) {
            let end = at.saturating_add(*size);
            if at < range.end && end > range.start {
                parts.push((link.cid, at, depth + 1));
            }
            at = end;
        }
        stack.extend(parts.into_iter().rev());
    }
    Ok(bytes)
}

/// Appends what a range wants of some bytes that start at `start` of the file.
fn take(part: &[u8], start: u64, range: &Range<u64>, into: &mut Vec<u8>) {
    let size = part.len() as u64;
    let from = range.start.saturating_sub(start).min(size);
    let to = range.end.saturating_sub(start).min(size);
    let index = |at: u64| usize::try_from(at).unwrap_or(part.len());
    if from < to {
        into.extend_from_slice(&part[index(from)..index(to)]);
    }
}

/// A CAR of everything below a block, depth first, each block once.
pub(super) async fn export(blocks: &mut Blocks<'_>, root: &Cid) -> Result<Vec<u8>, BlockError> {
    let mut seen = HashSet::new();
    let mut stack = vec![*root];
    let mut all: Vec<(Cid, Bytes)> = Vec::new();
    while let Some(cid) = stack.pop() {
        if !seen.insert(cid) || all.len() >= BLOCKS {
            continue;
        }
        let bytes = blocks.get(&cid).await?;
        stack.extend(links(&cid, &bytes)?.into_iter().rev());
        all.push((cid, bytes));
    }
    Ok(car::write(
        &[*root],
        all.iter().map(|(cid, bytes)| (cid, &bytes[..])),
    ))
}

fn links(cid: &Cid, bytes: &[u8]) -> Result<Vec<Cid>, BlockError> {
    match cid.codec() {
        codec::DAG_PB => {
            let node = PbNode::decode(bytes).map_err(|error| BlockError::Node {
                cid: *cid,
                reason: error.to_string(),
            })?;
            Ok(node.links.into_iter().map(|link| link.cid).collect())
        }
        codec::DAG_CBOR => {
            let value = cbor::decode(bytes).map_err(|error| BlockError::Node {
                cid: *cid,
                reason: error.to_string(),
            })?;
            let mut found = Vec::new();
            collect(&value, &mut found);
            Ok(found)
        }
        _ => Ok(Vec::new()),
    }
}

fn collect(value: &Ipld, into: &mut Vec<Cid>) {
    match value {
        Ipld::Link(cid) => into.push(*cid),
        Ipld::List(items) => items.iter().for_each(|item| collect(item, into)),
        Ipld::Map(items) => items.values().for_each(|item| collect(item, into)),
        _ => {}
    }
}

async fn node(blocks: &mut Blocks<'_>, cid: &Cid) -> Result<(PbNode, Data), BlockError> {
    let malformed = |reason: String| BlockError::Node { cid: *cid, reason };
    let bytes = blocks.get(cid).await?;
    let node = PbNode::decode(&bytes).map_err(|error| malformed(error.to_string()))?;
    let data = Data::of(&node).map_err(|error| malformed(error.to_string()))?;
    Ok((node, data))
}

fn size_of(data: &Data) -> u64 {
    let below: u64 = data.sizes.iter().sum();
    data.size
        .unwrap_or(below.saturating_add(data.bytes.len() as u64))
}
