//! What an advert says besides the hashes: one or more protocols, each a varint id and a DAG-CBOR map.

use cid::Cid;

use super::error::Error;
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
pub fn decode_metadata(mut bytes: &[u8]) -> Result<Vec<Metadata>, Error> {
    let mut all = Vec::new();
    while !bytes.is_empty() {
        let (protocol, rest) = varint::read(bytes).ok_or(Error::Protocol)?;
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
            Fields::read(&mut reader).map_err(|source| Error::Metadata { protocol, source })?;
        bytes = &bytes[reader.at()..];
        all.push(fields.metadata(protocol)?);
    }
    Ok(all)
}

impl Metadata {
    fn write(&self, bytes: &mut Vec<u8>) {
        let mut writer = Writer::default();
        let protocol = match self {
            Self::Index {
                claim,
                expiration,
                index,
            } => {
                writer
                    .map(3)
                    .text(b"c")
                    .link(&claim.to_bytes())
                    .text(b"e")
                    .uint(*expiration);
                writer.text(b"i").link(&index.to_bytes());
                INDEX
            }
            Self::Equals {
                claim,
                expiration,
                equals,
            } => {
                writer.map(3).text(b"=").link(&equals.to_bytes());
                writer
                    .text(b"c")
                    .link(&claim.to_bytes())
                    .text(b"e")
                    .uint(*expiration);
                EQUALS
            }
            Self::Location {
                claim,
                expiration,
                range,
                shard,
            } => {
                writer.map(2 + usize::from(range.is_some()) + usize::from(shard.is_some()));
                writer
                    .text(b"c")
                    .link(&claim.to_bytes())
                    .text(b"e")
                    .uint(*expiration);
                if let Some(Range { offset, length }) = range {
                    writer
                        .text(b"r")
                        .list(1 + usize::from(length.is_some()))
                        .uint(*offset);
                    if let Some(length) = length {
                        writer.uint(*length);
                    }
                }
                if let Some(shard) = shard {
                    writer.text(b"s").link(&shard.to_bytes());
                }
                LOCATION
            }
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
        bytes.extend(writer.finish());
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
    fn read(reader: &mut Reader<'_>) -> Result<Self, raw_cbor::Error> {
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

    fn metadata(self, protocol: u64) -> Result<Metadata, Error> {
        let missing = |key| Error::Key { protocol, key };
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

fn link(reader: &mut Reader<'_>) -> Result<Cid, raw_cbor::Error> {
    let at = reader.at();
    Cid::try_from(reader.link()?).map_err(|_| raw_cbor::Error::Unexpected {
        expected: "a link",
        at,
    })
}

fn range(reader: &mut Reader<'_>) -> Result<Range, raw_cbor::Error> {
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
        _ => Err(raw_cbor::Error::Unexpected {
            expected: "one or two numbers",
            at,
        }),
    }
}
