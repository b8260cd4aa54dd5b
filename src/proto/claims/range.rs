//! A part of a blob.

use std::collections::BTreeMap;

use ipld_core::ipld::Ipld;

/// A part of what a URL gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Range {
    /// First byte.
    pub offset: u64,
    /// Bytes; `None` = to the end.
    pub length: Option<u64>,
}

impl Range {
    /// Whether a blob of `size` bytes is exactly what this range gives. Without a length that cannot be told.
    #[must_use]
    pub fn covers(&self, size: u64) -> bool {
        self.length == Some(size)
    }

    pub(super) fn to_ipld(self) -> Ipld {
        let mut map = BTreeMap::from([("offset".to_owned(), Ipld::Integer(self.offset.into()))]);
        if let Some(length) = self.length {
            map.insert("length".to_owned(), Ipld::Integer(length.into()));
        }
        Ipld::Map(map)
    }
}
