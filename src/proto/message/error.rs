//! Why a message or receipt is refused.

use cid::Cid;

use crate::proto::{cbor, did, signature, ucan};

/// Why something is no message or no receipt.
#[derive(Debug, thiserror::Error)]
pub enum MessageError {
    /// The message block is malformed.
    #[error("read message: {0}")]
    Message(&'static str),
    /// A linked block is not among the blocks.
    #[error("read message: block {0} is missing")]
    Missing(Cid),
    /// A field of a receipt has the wrong type or is missing.
    #[error("read receipt: {0}")]
    Receipt(&'static str),
    /// A receipt was filed under a task, and its signed part names this other one.
    #[error("read receipt: it is of {0}, another task")]
    OfAnother(Cid),
    /// A `ucan/conclude` invocation carries no receipt.
    #[error("read conclusion: {0}")]
    Conclude(&'static str),
    /// DAG-CBOR failed.
    #[error(transparent)]
    Cbor(#[from] cbor::CborError),
    /// A DID is malformed.
    #[error(transparent)]
    Did(#[from] did::DidError),
    /// A signature is malformed.
    #[error(transparent)]
    Signature(#[from] signature::SignatureError),
    /// An invocation or other delegation is malformed, or the CAR around it.
    #[error(transparent)]
    Ucan(#[from] ucan::UcanError),
}
