//! The answer to `GET /claims`, in the form of the JS client and in that of the Go service
//! (docs/protocol/claims.md §4).
//!
//! The two differ in the map of indexes: JS writes it always, with base58 keys; Go leaves it out when empty and
//! writes the raw bytes of the context id into a CBOR *text* string, which is not UTF-8. Both are read here, any
//! block order, the header root counting.

mod decode;
mod encode;
mod error;

use bytes::Bytes;
use cid::Cid;

use super::ucan::Delegation;

pub use decode::{Answer, decode, respond};
pub use encode::{Form, NoIndexes, Place, encode};
pub use error::Error;

#[cfg(test)]
mod tests;

/// Claims about content, and the indexes that came with them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct QueryResult {
    /// The claims in the order of the answer, which Go chooses by chance.
    pub claims: Vec<Delegation>,
    /// The indexes in the order of the answer.
    pub indexes: Vec<IndexBlock>,
}

/// An index archive in an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IndexBlock {
    /// The map key as it stood there: a context id in bytes (Go), or the base58 text of a multihash (JS).
    pub key: Vec<u8>,
    /// Its link, of the CAR codec.
    pub link: Cid,
    /// The archive.
    pub archive: Bytes,
}
