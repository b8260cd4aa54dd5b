//! A blob as tasks name it.

use ipld_core::ipld::Ipld;

use super::ucan_server::{Failure, map};
use crate::proto::Did;
use crate::proto::multihash::Multihash;

/// A blob as tasks name it: `{digest: <multihash bytes>, size: <int>}`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Blob {
    /// Hash of its bytes.
    pub(crate) digest: Multihash,
    /// Bytes it has.
    pub(crate) size: u64,
}

impl Blob {
    /// Reads the map.
    pub(crate) fn from_ipld(value: &Ipld) -> Result<Self, Failure> {
        let wrong = || Failure::broke("blob is not a map of digest and size");
        let Ipld::Map(fields) = value else {
            return Err(wrong());
        };
        match (fields.get("digest"), fields.get("size")) {
            (Some(Ipld::Bytes(digest)), Some(Ipld::Integer(size))) => Ok(Self {
                digest: Multihash::from_bytes(digest).map_err(|error| Failure::thrown(&error))?,
                size: u64::try_from(*size).map_err(|_| wrong())?,
            }),
            _ => Err(wrong()),
        }
    }

    /// Writes the map.
    pub(crate) fn to_ipld(&self) -> Ipld {
        map([
            ("digest", Ipld::Bytes(self.digest.as_bytes().to_vec())),
            ("size", Ipld::Integer(self.size.into())),
        ])
    }

    /// Its key in the carpark (docs/protocol/tables.md §4).
    pub(crate) fn key(&self) -> String {
        key_of(&self.digest)
    }
}

/// Key of a blob in the carpark.
pub(crate) fn key_of(digest: &Multihash) -> String {
    let text = digest.base58();
    format!("{text}/{text}.blob")
}

/// Reads a space: principal bytes, or DID text as the legacy tasks have it.
pub(crate) fn space_of(value: &Ipld) -> Result<Did, Failure> {
    let read = match value {
        Ipld::Bytes(bytes) => Did::from_bytes(bytes),
        Ipld::String(text) => Did::parse(text),
        _ => return Err(Failure::broke("space is neither bytes nor text")),
    };
    read.map_err(|error| Failure::thrown(&error))
}
