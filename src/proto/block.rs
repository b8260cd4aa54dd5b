//! Content-addressed blocks and ordered sets of them.

use bytes::Bytes;
use cid::Cid;
use indexmap::IndexMap;
use ipld_core::ipld::Ipld;

use super::cbor;
use super::multihash::{IDENTITY, Multihash, SHA2_256, codec};

/// The bytes of a block do not hash to its CID, or the CID uses a hash that is not checked here.
#[derive(Debug, thiserror::Error)]
#[error("block {0} does not hold the bytes its CID names")]
pub struct Mismatch(
    /// The CID as given.
    pub Cid,
);

/// A block: bytes and the CID that names them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Block {
    /// Name of the bytes.
    pub cid: Cid,
    /// The payload as received or written.
    pub bytes: Bytes,
}

impl Block {
    /// Makes a block of `bytes` under a `CIDv1` with sha2-256 and the given codec.
    #[must_use]
    pub fn new(codec: u64, bytes: impl Into<Bytes>) -> Self {
        let bytes = bytes.into();
        Self {
            cid: Multihash::link(codec, &bytes),
            bytes,
        }
    }

    /// Encodes a value as DAG-CBOR block.
    ///
    /// # Errors
    /// An integer is beyond 64 bits, or a float is not finite.
    pub fn dag_cbor(value: &Ipld) -> Result<Self, cbor::CborError> {
        Ok(Self::new(codec::DAG_CBOR, cbor::encode(value)?))
    }

    /// Checks that the CID (sha2-256 or identity) names the bytes.
    ///
    /// # Errors
    /// The bytes have another hash, or the CID has a hash other than sha2-256 and identity.
    pub fn verify(&self) -> Result<(), Mismatch> {
        let hash = self.cid.hash();
        let same = match hash.code() {
            SHA2_256 | IDENTITY => Multihash::of(&self.cid).verify(&self.bytes).is_ok(),
            _ => false,
        };
        if same {
            Ok(())
        } else {
            Err(Mismatch(self.cid))
        }
    }
}

/// Blocks by CID in the order in which they were first inserted.
#[derive(Debug, Clone, Default)]
pub struct Blocks(IndexMap<Cid, Bytes>);

impl Blocks {
    /// Makes an empty set.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a block unless its CID is present; the first place counts.
    pub fn insert(&mut self, block: Block) {
        self.0.entry(block.cid).or_insert(block.bytes);
    }

    /// Finds a block.
    #[must_use]
    pub fn get(&self, cid: &Cid) -> Option<Block> {
        self.0.get(cid).map(|bytes| Block {
            cid: *cid,
            bytes: bytes.clone(),
        })
    }

    /// Tells whether a block is here.
    #[must_use]
    pub fn contains(&self, cid: &Cid) -> bool {
        self.0.contains_key(cid)
    }

    /// Number of distinct blocks.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Tells whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Goes over the blocks in order.
    pub fn iter(&self) -> impl Iterator<Item = Block> + '_ {
        self.0.iter().map(|(cid, bytes)| Block {
            cid: *cid,
            bytes: bytes.clone(),
        })
    }
}

impl Extend<Block> for Blocks {
    fn extend<I: IntoIterator<Item = Block>>(&mut self, blocks: I) {
        for block in blocks {
            self.insert(block);
        }
    }
}

impl FromIterator<Block> for Blocks {
    fn from_iter<I: IntoIterator<Item = Block>>(blocks: I) -> Self {
        let mut all = Self::new();
        all.extend(blocks);
        all
    }
}
