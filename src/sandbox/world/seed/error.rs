//! Why a world could not be written.

use crate::proto::{did, index, ipni, ucan};
use crate::sandbox;

/// Why a world could not be written.
#[derive(Debug, thiserror::Error)]
pub enum SeedError {
    /// A table, bucket or file of the local network.
    #[error("write the world")]
    Network(#[from] sandbox::SandboxError),
    /// An object.
    #[error("store an object of the world")]
    Object(#[from] sandbox::ObjectError),
    /// A delegation or claim.
    #[error("sign a delegation of the world")]
    Delegation(#[from] ucan::UcanError),
    /// A planned account that is no DID.
    #[error("read an account of the plan")]
    Account(#[from] did::DidError),
    /// The manifest, or what a service remembers.
    #[error("write a file of the world")]
    File(#[from] std::io::Error),
    /// An index.
    #[error("index a shard of the world")]
    Index(#[from] index::IndexError),
    /// An address.
    #[error("address a provider of the world")]
    Address(#[from] ipni::IpniError),
}
