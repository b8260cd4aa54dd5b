//! What may be wrong with a CAR.

use thiserror::Error as ThisError;

use super::block_id::CidError;
use crate::proto::{multihash, raw_cbor, varint};

/// Why a file is not a CAR that can be read to its end. Offsets count from the start of the file.
#[derive(Debug, Clone, PartialEq, Eq, ThisError)]
pub enum CarError {
    /// The file has no bytes at all.
    #[error("CAR is empty")]
    Empty,
    /// The file ends inside its header.
    #[error("CAR ends inside its header, after {0} bytes")]
    TruncatedHeader(u64),
    /// The header is not what a CAR starts with.
    #[error("CAR header is not valid")]
    Header(#[source] HeaderError),
    /// A version that is not known, or version 2 where only version 1 may stand.
    #[error("CAR version {0} cannot be read here")]
    Version(u64),
    /// The header is larger than allowed.
    #[error("CAR header of {size} bytes is above the limit of {limit}")]
    LargeHeader {
        /// Its length.
        size: u64,
        /// The most that is read.
        limit: u64,
    },
    /// The offsets of a CARv2 head make no sense.
    #[error("CARv2 data at {offset} with {size} bytes cannot be placed")]
    Placement {
        /// Where the data should start.
        offset: u64,
        /// How long it should be.
        size: u64,
    },
    /// A CARv2 file ends before its data does.
    #[error("CARv2 data should end at byte {end}, but the file ends at {size}")]
    TruncatedData {
        /// Where the data should end.
        end: u64,
        /// Where the file ends.
        size: u64,
    },
    /// The length of a section is no varint.
    #[error("section at byte {offset} has a bad length")]
    Length {
        /// Where the section starts.
        offset: u64,
        /// What is wrong.
        source: varint::VarintError,
    },
    /// The file ends inside the length of a section.
    #[error("CAR ends inside the length of the section at byte {0}")]
    TruncatedLength(u64),
    /// The file ends inside a section.
    #[error("CAR ends at byte {size} inside the section at byte {offset}")]
    TruncatedSection {
        /// Where the section starts.
        offset: u64,
        /// Where the file ends.
        size: u64,
    },
    /// A section of length zero that is not the start of padding.
    #[error("section at byte {0} has no length, and it is not padding")]
    ZeroLengthSection(u64),
    /// A section is too short for its own CID.
    #[error("section at byte {0} is shorter than its CID")]
    ShortSection(u64),
    /// The CID of a section cannot be read.
    #[error("section at byte {offset} has no valid CID")]
    Cid {
        /// Where the section starts.
        offset: u64,
        /// What is wrong.
        source: CidError,
    },
    /// The CID of a section is larger than allowed.
    #[error("section at byte {offset} has a CID of {size} bytes, above the limit of {limit}")]
    LargeCid {
        /// Where the section starts.
        offset: u64,
        /// Length of the CID.
        size: u64,
        /// The most that is read.
        limit: u64,
    },
    /// A block is larger than allowed.
    #[error("section at byte {offset} has a block of {size} bytes, above the limit of {limit}")]
    LargeBlock {
        /// Where the section starts.
        offset: u64,
        /// Length of the payload.
        size: u64,
        /// The most that is read.
        limit: u64,
    },
    /// There are more sections than are read.
    #[error("CAR has more than {0} sections")]
    Sections(u64),
    /// The header should name exactly one root.
    #[error("CAR has {0} roots where one is needed")]
    Roots(usize),
    /// A CID is too long to be a link.
    #[error("CID cannot be used as a link")]
    Link(#[source] multihash::MultihashError),
}

/// What is wrong inside a header.
#[derive(Debug, Clone, PartialEq, Eq, ThisError)]
pub enum HeaderError {
    /// Its length is no varint.
    #[error("its length is not valid")]
    Length(#[source] varint::VarintError),
    /// Not the CBOR that was expected.
    #[error("it is not a map of roots and version")]
    Cbor(#[source] raw_cbor::RawCborError),
    /// A key that does not belong there, or one twice.
    #[error("it holds a key that does not belong there")]
    Key,
    /// Version 1 needs roots.
    #[error("it has no roots")]
    NoRoots,
    /// No version at all.
    #[error("it has no version")]
    NoVersion,
    /// A root is not a CID.
    #[error("one of its roots is not valid")]
    Root(#[source] CidError),
}
