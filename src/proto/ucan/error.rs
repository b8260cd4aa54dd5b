//! Why UCAN bytes or text are refused.

use cid::Cid;

use crate::proto::{block, car, cbor, did, json, signature};

/// Why something is no delegation, or cannot be made one.
#[derive(Debug, thiserror::Error)]
pub enum UcanError {
    /// A field of a UCAN block has the wrong type or is missing.
    #[error("read UCAN: {0}")]
    Field(&'static str),
    /// The version is not 0.9.x.
    #[error("read UCAN: unsupported version {0:?}")]
    Version(String),
    /// A capability's ability or resource is malformed.
    #[error("read UCAN: malformed capability {0:?}")]
    Capability(String),
    /// A UCAN block has another codec than DAG-CBOR (a JWT, perhaps).
    #[error("read UCAN: block {0} is not DAG-CBOR")]
    Codec(Cid),
    /// The block of a delegation is not among the blocks.
    #[error("read UCAN: block {0} is missing")]
    Missing(Cid),
    /// A block is attached that no caveat and no fact links to.
    #[error("sign UCAN: nothing links to attached block {0}")]
    Unlinked(Cid),
    /// The bytes are no CAR.
    #[error("read blocks")]
    Car(#[from] car::CarError),
    /// The archive names another version or nothing.
    #[error("read archive: no ucan@0.9.1 variant")]
    Variant,
    /// The text is no proof string.
    #[error("parse proof: {0}")]
    Proof(&'static str),
    /// Input is longer, or nested deeper, than is read.
    #[error("read delegations: {0} is beyond the limit")]
    Limit(&'static str),
    /// A block does not hash to its CID.
    #[error(transparent)]
    Block(#[from] block::Mismatch),
    /// DAG-CBOR failed.
    #[error(transparent)]
    Cbor(#[from] cbor::CborError),
    /// DAG-JSON failed.
    #[error(transparent)]
    Json(#[from] json::DagJsonError),
    /// A principal is malformed.
    #[error(transparent)]
    Did(#[from] did::DidError),
    /// A signature is malformed.
    #[error(transparent)]
    Signature(#[from] signature::SignatureError),
}
