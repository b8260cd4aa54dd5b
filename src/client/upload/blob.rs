//! Bytes that are stored in a space.

use bytes::Bytes;

use crate::proto::multihash::Multihash;

/// Bytes and their hash.
#[derive(Clone, Debug)]
pub struct Blob {
    /// The digest of the bytes.
    pub digest: Multihash,
    /// The bytes.
    pub bytes: Bytes,
}

impl Blob {
    /// Hashes bytes.
    #[must_use]
    pub fn new(bytes: Bytes) -> Self {
        Self {
            digest: Multihash::sha256(&bytes),
            bytes,
        }
    }
}
