//! What comes out of a CAR, and how much of it is accepted.

use super::block_id::BlockId;
use super::header::Header;

/// How much of one thing is accepted. All of it is held in memory except blocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of header.
    pub header: u64,
    /// Bytes of one CID.
    pub cid: u64,
    /// Bytes of one payload.
    pub block: u64,
    /// Sections.
    pub sections: u64,
}

impl Limits {
    /// For a file that is held whole, with all of its sections: 65,536 of them.
    pub const HELD: Self = Self {
        header: 1 << 20,
        cid: 1 << 20,
        block: 1 << 27,
        sections: 1 << 16,
    };
}

impl Default for Limits {
    /// A header of 1 MiB (26,000 roots), a CID of 1 MiB, a block of 128 MiB: the network's clients cut shards at
    /// 127 MiB, so that a larger block is a damaged length. 4,194,304 sections: as many as 4 GiB hold of 1 KiB each.
    fn default() -> Self {
        Self {
            sections: 1 << 22,
            ..Self::HELD
        }
    }
}

/// A section without its payload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Section {
    /// Its CID.
    pub id: BlockId,
    /// Where the section, that is its length, starts in the file.
    pub start: u64,
    /// Where its payload starts in the file.
    pub offset: u64,
    /// Bytes of payload.
    pub length: u64,
}

/// What comes out of a CAR, in this order: one header; per section its head, its payload in pieces, its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event<'a> {
    /// Version and roots.
    Header(Header),
    /// A section starts.
    Section(Section),
    /// The next piece of its payload, never empty.
    Payload(&'a [u8]),
    /// All of its payload was given.
    SectionEnd,
}

/// What was seen by the end of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Summary {
    /// Bytes of the file.
    pub size: u64,
    /// Sections.
    pub sections: u64,
    /// Zeros after the last section.
    pub padding: u64,
}
