//! What may be wrong with a claim.

use thiserror::Error as ThisError;

use crate::proto::multihash;

/// Why a capability is not the claim it says it is.
#[derive(Debug, Clone, PartialEq, Eq, ThisError)]
pub enum ClaimError {
    /// A caveat is missing.
    #[error("{can} has no `{name}`")]
    Missing {
        /// The ability.
        can: String,
        /// The caveat.
        name: &'static str,
    },
    /// A caveat is of another type or malformed.
    #[error("{can} has a malformed `{name}`")]
    Malformed {
        /// The ability.
        can: String,
        /// The caveat.
        name: &'static str,
    },
    /// The content is no multihash.
    #[error("{can} names its content by a bad multihash")]
    Multihash {
        /// The ability.
        can: String,
        /// What is wrong.
        source: multihash::MultihashError,
    },
    /// A delegation grants nothing, so it claims nothing.
    #[error("delegation has no capability")]
    Nothing,
}
