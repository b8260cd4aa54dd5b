//! What an answer holds.

use bytes::Bytes;
use cid::Cid;

use crate::proto::ucan::Delegation;

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
