//! What a claim is about.

use std::collections::BTreeMap;

use cid::Cid;
use ipld_core::ipld::Ipld;

use crate::proto::multihash::Multihash;

/// The content of a claim: a link in older claims, a digest in newer ones.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Content {
    /// By CID.
    Link(Cid),
    /// By multihash alone.
    Digest(Multihash),
}

impl Content {
    /// The multihash, by which blobs are known.
    #[must_use]
    pub fn hash(&self) -> Multihash {
        match self {
            Self::Link(cid) => Multihash::of(cid),
            Self::Digest(hash) => hash.clone(),
        }
    }

    /// The caveat.
    #[must_use]
    pub fn to_ipld(&self) -> Ipld {
        match self {
            Self::Link(cid) => Ipld::Link(*cid),
            Self::Digest(hash) => Ipld::Map(BTreeMap::from([(
                "digest".to_owned(),
                Ipld::Bytes(hash.as_bytes().to_vec()),
            )])),
        }
    }
}

impl From<Cid> for Content {
    fn from(cid: Cid) -> Self {
        Self::Link(cid)
    }
}

impl From<Multihash> for Content {
    fn from(hash: Multihash) -> Self {
        Self::Digest(hash)
    }
}
