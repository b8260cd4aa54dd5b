//! UnixFS encoding for seeded content: chunked files, directories, sharded directories.
//!
//! Source: the UnixFS and DAG-PB specifications of IPFS. Node fields are written in the
//! canonical DAG-PB order, links before data.

use std::collections::BTreeMap;

use cid::Cid;

use crate::proto::block::Block;
use crate::proto::multihash::codec;
use crate::sandbox::unixfs::{Data, HashBits, Kind, Link, PbNode};

/// The leaves of a chunked file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Leaves {
    /// Chunks are raw blocks (codec 0x55).
    Raw,
    /// Chunks are DAG-PB nodes of UnixFS type `File`.
    DagPb,
}

/// The CID version that DAG-PB nodes get; raw leaves are always version 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    /// `Qm…`; implies [`Leaves::DagPb`] to be useful.
    V0,
    /// `bafy…`
    V1,
}

/// A node as a parent sees it.
#[derive(Clone, Debug)]
pub struct Entry {
    /// The name of the link, empty in files.
    pub name: String,
    /// The root of the sub-DAG.
    pub cid: Cid,
    /// Bytes of all blocks of the sub-DAG, the `Tsize` of the link.
    pub dag_bytes: u64,
    /// Bytes of content below, for the block sizes of a file.
    pub file_bytes: u64,
}

/// Children of a file node; small, so that files of some hundred KiB get several levels.
const FILE_FANOUT: usize = 32;
/// Slots of a sharded directory node.
const HAMT_FANOUT: u64 = 256;

/// Builds nodes and collects their blocks in the order they were made, root last.
#[derive(Debug)]
pub struct Writer {
    blocks: Vec<Block>,
    leaves: Leaves,
    version: Version,
}

impl Writer {
    /// An empty writer.
    #[must_use]
    pub fn new(leaves: Leaves, version: Version) -> Self {
        Self {
            blocks: Vec::new(),
            leaves,
            version,
        }
    }

    /// The blocks made so far, without repeats.
    #[must_use]
    pub fn into_blocks(self) -> Vec<Block> {
        let mut seen = std::collections::HashSet::new();
        self.blocks
            .into_iter()
            .filter(|block| seen.insert(block.cid))
            .collect()
    }

    /// Adds a file cut into chunks of `chunk` bytes.
    pub fn file(&mut self, content: &[u8], chunk: usize) -> Entry {
        let chunks: Vec<&[u8]> = if content.is_empty() {
            vec![content]
        } else {
            content.chunks(chunk.max(1)).collect()
        };
        let mut level: Vec<Entry> = chunks.into_iter().map(|part| self.leaf(part)).collect();
        while level.len() > 1 {
            level = level
                .chunks(FILE_FANOUT)
                .map(|children| self.file_node(children))
                .collect();
        }
        level.remove(0)
    }

    /// Adds a directory of `entries`, which are sorted by name.
    pub fn directory(&mut self, mut entries: Vec<Entry>) -> Entry {
        entries.sort_by(|one, other| one.name.as_bytes().cmp(other.name.as_bytes()));
        self.node(&entries, &Data::new(Kind::Directory))
    }

    /// Adds a directory sharded by the hash of its names (HAMT, 256 slots a node).
    pub fn sharded_directory(&mut self, entries: Vec<Entry>) -> Entry {
        let hashed = entries
            .into_iter()
            .map(|entry| (HashBits::of(&entry.name), entry))
            .collect();
        self.hamt_node(hashed)
    }

    fn leaf(&mut self, part: &[u8]) -> Entry {
        let bytes = part.len() as u64;
        match self.leaves {
            Leaves::Raw => {
                let block = Block::new(codec::RAW, part.to_vec());
                let cid = block.cid;
                self.blocks.push(block);
                Entry {
                    name: String::new(),
                    cid,
                    dag_bytes: bytes,
                    file_bytes: bytes,
                }
            }
            Leaves::DagPb => {
                let data = Data {
                    bytes: part.to_vec(),
                    size: Some(bytes),
                    ..Data::new(Kind::File)
                };
                Entry {
                    file_bytes: bytes,
                    ..self.node(&[], &data)
                }
            }
        }
    }

    fn file_node(&mut self, children: &[Entry]) -> Entry {
        let sizes: Vec<u64> = children.iter().map(|child| child.file_bytes).collect();
        let file_bytes = sizes.iter().sum();
        let data = Data {
            size: Some(file_bytes),
            sizes,
            ..Data::new(Kind::File)
        };
        Entry {
            file_bytes,
            ..self.node(children, &data)
        }
    }

    fn hamt_node(&mut self, entries: Vec<(HashBits, Entry)>) -> Entry {
        let mut slots: BTreeMap<u64, Vec<(HashBits, Entry)>> = BTreeMap::new();
        for (mut bits, entry) in entries {
            let slot = bits
                .slot(HAMT_FANOUT)
                .expect("names with equal hashes are not seeded");
            slots.entry(slot).or_default().push((bits, entry));
        }
        let mut bitfield = vec![0_u8; usize::try_from(HAMT_FANOUT / 8).unwrap_or_default()];
        let mut links = Vec::new();
        for (slot, mut members) in slots {
            let place = usize::try_from(slot).unwrap_or_default();
            let byte = bitfield.len() - 1 - place / 8;
            bitfield[byte] |= 1 << (place % 8);
            let child = if members.len() == 1 {
                members.remove(0).1
            } else {
                self.hamt_node(members)
            };
            links.push(Entry {
                name: format!("{slot:02X}{}", child.name),
                ..child
            });
        }
        let unused = bitfield.iter().take_while(|byte| **byte == 0).count();
        let bytes = bitfield.split_off(unused);
        let data = Data {
            bytes,
            fanout: Some(HAMT_FANOUT),
            ..Data::new(Kind::Shard)
        };
        self.node(&links, &data)
    }

    fn node(&mut self, children: &[Entry], data: &Data) -> Entry {
        let link = |child: &Entry| Link {
            cid: child.cid,
            name: child.name.clone(),
            total: child.dag_bytes,
        };
        let links = children.iter().map(link).collect();
        let bytes = PbNode {
            links,
            data: Some(data.encode()),
        }
        .encode();
        let below: u64 = children.iter().map(|child| child.dag_bytes).sum();
        let dag_bytes = bytes.len() as u64 + below;
        let mut block = Block::new(codec::DAG_PB, bytes);
        if self.version == Version::V0 {
            block.cid =
                Cid::new_v0(*block.cid.hash()).expect("a sha2-256 node has a version 0 name");
        }
        let cid = block.cid;
        self.blocks.push(block);
        Entry {
            name: String::new(),
            cid,
            dag_bytes,
            file_bytes: 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_nodes_have_their_well_known_names() {
        // The empty directory and the empty file are the two best known CIDs of UnixFS.
        let mut writer = Writer::new(Leaves::DagPb, Version::V0);
        assert_eq!(
            writer.directory(Vec::new()).cid.to_string(),
            "QmUNLLsPACCz1vLxQVkXqqLX5R1X345qqfHbsf67hvA3Nn"
        );
        assert_eq!(
            writer.file(b"", 10).cid.to_string(),
            "QmbFMke1KXqnYyBBWxB74N4c5SBnJMVAiMNRcGu6x1AwQH"
        );
    }

    #[test]
    fn a_long_file_gets_several_levels_and_all_its_bytes() {
        let content: Vec<u8> = (0..25_000_u32).flat_map(u32::to_le_bytes).collect();
        let mut writer = Writer::new(Leaves::Raw, Version::V1);
        let root = writer.file(&content, 1000);
        assert_eq!(root.file_bytes, 100_000);
        let blocks = writer.into_blocks();
        assert_eq!(blocks.last().unwrap().cid, root.cid);
        assert!(
            blocks
                .iter()
                .filter(|block| block.cid.codec() == codec::DAG_PB)
                .count()
                > 4
        );
    }
}
