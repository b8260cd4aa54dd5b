//! What may be wrong with an answer.

use cid::Cid;
use thiserror::Error as ThisError;

use crate::proto::{car, multihash, raw_cbor, ucan};

/// Why there is no result.
#[derive(Debug, ThisError)]
pub enum QueryError {
    /// The service answered with another status than 200.
    #[error("unexpected status: {status}, message: {message}")]
    Status {
        /// The HTTP status.
        status: u16,
        /// The start of the body.
        message: String,
    },
    /// The body is not a CAR (the JS client throws here).
    #[error("answer is not a CAR")]
    Car(#[from] car::CarError),
    /// A block does not have the hash that names it, or its hash cannot be checked.
    #[error("block {cid} of the answer fails its check: {source}")]
    Block {
        /// The block.
        cid: Cid,
        /// What is wrong.
        source: multihash::MultihashError,
    },
    /// The root block is missing.
    #[error("root block {0} is missing")]
    Root(Cid),
    /// The root block is not a query result.
    #[error("root block is not a query result")]
    Malformed(#[source] raw_cbor::RawCborError),
    /// The root block is of another kind.
    #[error("answer is of the unknown kind `{0}`")]
    Variant(String),
    /// A link inside is damaged.
    #[error("answer holds a bad link")]
    Link,
    /// The block of a claim is missing.
    #[error("decoding claim: {0}: Block for the {0} is not found")]
    MissingClaim(Cid),
    /// A claim cannot be read.
    #[error("decoding claim: {cid}")]
    Claim {
        /// The claim.
        cid: Cid,
        /// What is wrong.
        source: Box<ucan::UcanError>,
    },
    /// It holds more than is read of one answer.
    #[error("answer holds more than {limit} {what}")]
    TooMuch {
        /// Of what there is too much.
        what: &'static str,
        /// The most that is read.
        limit: usize,
    },
    /// The block of an index is missing.
    #[error("decoding index: {0}: its block is missing")]
    MissingIndex(Cid),
}

impl QueryError {
    /// The status of the service, if that is the reason. A number, never looked for in text.
    #[must_use]
    pub fn status(&self) -> Option<u16> {
        match self {
            Self::Status { status, .. } => Some(*status),
            _ => None,
        }
    }
}
