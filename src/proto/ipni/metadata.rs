//! What an advert says besides the hashes: one or more protocols, each a varint id and a DAG-CBOR map.

use cid::Cid;

use super::error::IpniError;
use crate::proto::claims::Range;
use crate::proto::raw_cbor::{self, Reader, Writer};
use crate::proto::varint;

const INDEX: u64 = 0x3E_0000;
const EQUALS: u64 = 0x3E_0001;
const LOCATION: u64 = 0x3E_0002;

/// The metadata of one protocol. Times are Unix seconds, 0 = never.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Metadata {
    /// An index claim.
    Index {
        /// The claim.
        claim: Cid,
        /// When it ends.
        expiration: u64,
        /// The index archive.
        index: Cid,
    },
    /// An equals claim.
    Equals {
        /// The claim.
        claim: Cid,
        /// When it ends.
        expiration: u64,
        /// The other name.
        equals: Cid,
    },
    /// A location claim.
    Location {
        /// The claim.
        claim: Cid,
        /// When it ends.
        expiration: u64,
        /// The part of the blob.
        range: Option<Range>,
        /// The link of the shard, which `{blobCID}` becomes.
        shard: Option<Cid>,
    },
    /// A protocol of others, with all bytes after its id: where it ends is not known here.
    Other {
        /// Its id.
        protocol: u64,
        /// Its value and whatever follows.
        bytes: Vec<u8>,
    },
}

/// Writes metadata one after another.
#[must_use]
pub fn encode_metadata(all: &[Metadata]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for one in all {
        one.write(&mut bytes);
    }
    bytes
}

/// Reads all metadata of an advert.
///
/// # Errors
/// A protocol id is no varint, or the map of a known protocol is malformed or lacks a key.
pub fn decode_metadata(mut bytes: &[u8]) -> Result<Vec<Metadata>, IpniError> {
    let mut all = Vec::new();
    while !bytes.is_empty() {
        let (protocol, rest) = varint::read(bytes).ok_or(IpniError::Protocol)?;
        bytes = rest;
        if !(INDEX..=LOCATION).contains(&protocol) {
            all.push(Metadata::Other {
                protocol,
                bytes: bytes.to_vec(),
            });
            break;
        }
        let mut reader = Reader::new(bytes);
        let fields =
            Fields::read(&mut reader).map_err(|source| IpniError::Metadata { protocol, source })?;
        bytes = &bytes[reader.at()..];
        all.push(fields.metadata(protocol)?);
    }
    Ok(all)
}

impl Metadata {
    fn write(&self, bytes: &mut Vec<u8>) {
        let (protocol, fields) = match self {
            Self::Index {
                claim,
                expiration,
                index,
            } => (
                INDEX,
                Fields {
                    index: Some(*index),
                    ..Fields::of(claim, *expiration)
                },
            ),
            Self::Equals {
                claim,
                expiration,
                equals,
            } => (
                EQUALS,
                Fields {
                    equals: Some(*equals),
                    ..Fields::of(claim, *expiration)
                },
            ),
            Self::Location {
                claim,
                expiration,
                range,
                shard,
            } => (
                LOCATION,
                Fields {
                    range: *range,
                    shard: *shard,
                    ..Fields::of(claim, *expiration)
                },
            ),
            Self::Other {
                protocol,
                bytes: value,
            } => {
                varint::write(*protocol, bytes);
                bytes.extend_from_slice(value);
                return;
            }
        };
        varint::write(protocol, bytes);
        bytes.extend(fields.write());
    }
}

/// All keys that any of the three maps may hold; others are passed over.
#[derive(Default)]
struct Fields {
    equals: Option<Cid>,
    claim: Option<Cid>,
    expiration: Option<u64>,
    index: Option<Cid>,
    range: Option<Range>,
    shard: Option<Cid>,
}

impl Fields {
    fn of(claim: &Cid, expiration: u64) -> Self {
        Self {
            claim: Some(*claim),
            expiration: Some(expiration),
            ..Self::default()
        }
    }

    /// The map of all fields that are set, in bytewise order of their keys.
    fn write(&self) -> Vec<u8> {
        let links = [self.equals, self.claim, self.index, self.shard];
        let set = links.iter().flatten().count();
        let mut writer = Writer::default();
        writer
            .map(set + usize::from(self.expiration.is_some()) + usize::from(self.range.is_some()));
        let link = |writer: &mut Writer, key: &[u8], cid: Option<Cid>| {
            if let Some(cid) = cid {
                writer.text(key).link(&cid.to_bytes());
            }
        };
        link(&mut writer, b"=", self.equals);
        link(&mut writer, b"c", self.claim);
        if let Some(expiration) = self.expiration {
            writer.text(b"e").uint(expiration);
        }
        link(&mut writer, b"i", self.index);
        if let Some(Range { offset, length }) = self.range {
            writer
                .text(b"r")
                .list(1 + usize::from(length.is_some()))
                .uint(offset);
            if let Some(length) = length {
                writer.uint(length);
            }
        }
        link(&mut writer, b"s", self.shard);
        writer.finish()
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, raw_cbor::RawCborError> {
        let mut fields = Self::default();
        for _ in 0..reader.map()? {
            match reader.text()? {
                b"=" => fields.equals = Some(link(reader)?),
                b"c" => fields.claim = Some(link(reader)?),
                b"e" => fields.expiration = Some(reader.uint()?),
                b"i" => fields.index = Some(link(reader)?),
                b"r" => fields.range = Some(range(reader)?),
                b"s" => fields.shard = Some(link(reader)?),
                _ => reader.skip()?,
            }
        }
        Ok(fields)
    }

    fn metadata(self, protocol: u64) -> Result<Metadata, IpniError> {
        let missing = |key| IpniError::Key { protocol, key };
        let claim = self.claim.ok_or_else(|| missing('c'))?;
        let expiration = self.expiration.ok_or_else(|| missing('e'))?;
        match protocol {
            INDEX => Ok(Metadata::Index {
                claim,
                expiration,
                index: self.index.ok_or_else(|| missing('i'))?,
            }),
            EQUALS => Ok(Metadata::Equals {
                claim,
                expiration,
                equals: self.equals.ok_or_else(|| missing('='))?,
            }),
            _ => Ok(Metadata::Location {
                claim,
                expiration,
                range: self.range,
                shard: self.shard,
            }),
        }
    }
}

fn link(reader: &mut Reader<'_>) -> Result<Cid, raw_cbor::RawCborError> {
    let at = reader.at();
    Cid::try_from(reader.link()?).map_err(|_| raw_cbor::RawCborError::Unexpected {
        expected: "a link",
        at,
    })
}

fn range(reader: &mut Reader<'_>) -> Result<Range, raw_cbor::RawCborError> {
    let at = reader.at();
    match reader.list()? {
        1 => Ok(Range {
            offset: reader.uint()?,
            length: None,
        }),
        2 => Ok(Range {
            offset: reader.uint()?,
            length: Some(reader.uint()?),
        }),
        _ => Err(raw_cbor::RawCborError::Unexpected {
            expected: "one or two numbers",
            at,
        }),
    }
}
