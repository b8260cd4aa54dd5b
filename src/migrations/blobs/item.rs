//! One blob as it was listed.

use crate::client::blobs::Entry;
use crate::time::UnixMillis;

/// A blob of the source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Blob {
    /// Its key.
    pub key: String,
    /// Its length, bytes, as it was listed.
    pub size: u64,
    /// When it was written, if the source says so.
    pub modified: Option<UnixMillis>,
}

impl Blob {
    /// The blob that an entry of a listing is, if it is one.
    #[must_use]
    pub fn of(entry: Entry) -> Option<Self> {
        match entry {
            Entry::Blob {
                key,
                size,
                modified,
            } => Some(Self {
                key,
                size,
                modified,
            }),
            Entry::Other { .. } | Entry::Unrepresentable { .. } => None,
        }
    }
}
