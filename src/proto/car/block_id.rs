//! CIDs of sections and roots, whose digests may be longer than a `Cid` can hold.

use std::fmt;

use cid::Cid;
use multibase::Base;
use thiserror::Error;

use crate::proto::multihash::{self, Multihash, SHA2_256, codec, prefix_length};
use crate::proto::varint;

/// Why bytes are no CID.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum CidError {
    /// Only versions 0 and 1 exist.
    #[error("unexpected CID version ({0})")]
    Version(u64),
    /// The version or codec is no varint.
    #[error("CID holds a bad number")]
    Varint(#[source] varint::VarintError),
    /// The multihash is damaged.
    #[error("CID holds a bad multihash")]
    Multihash(#[source] multihash::MultihashError),
    /// The bytes end too early, or go on after the CID.
    #[error("CID has the wrong length")]
    Size,
}

/// A content identifier with a digest of any length.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct BlockId {
    version: cid::Version,
    codec: u64,
    hash: Multihash,
}

impl BlockId {
    /// Takes the whole of `bytes`.
    ///
    /// # Errors
    /// The bytes are cut short, go on after the CID, or do not begin with a CID of version 0 or 1.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, CidError> {
        match Self::prefix(bytes)? {
            Some((id, length)) if length == bytes.len() => Ok(id),
            _ => Err(CidError::Size),
        }
    }

    /// Takes a CID from the start of `bytes` and says how many it took; `None` if more bytes are needed.
    ///
    /// # Errors
    /// The version is neither 0 nor 1, or a number inside is no varint.
    pub fn prefix(bytes: &[u8]) -> Result<Option<(Self, usize)>, CidError> {
        let Some((version, codec, start)) = head(bytes)? else {
            return Ok(None);
        };
        let hash = Multihash::prefix(&bytes[start..]).map_err(CidError::Multihash)?;
        Ok(hash.map(|(hash, length)| {
            (
                Self {
                    version,
                    codec,
                    hash,
                },
                start + length,
            )
        }))
    }

    /// How long the CID at the start of `bytes` is, once that can be told.
    pub(super) fn length(bytes: &[u8]) -> Result<Option<u64>, CidError> {
        let Some((_, _, start)) = head(bytes)? else {
            return Ok(None);
        };
        let hash = prefix_length(&bytes[start..]).map_err(CidError::Multihash)?;
        Ok(hash.map(|length| length.saturating_add(start as u64)))
    }

    /// The multihash, which is what names a block in an index.
    #[must_use]
    pub fn hash(&self) -> &Multihash {
        &self.hash
    }

    /// The multihash alone.
    #[must_use]
    pub fn into_hash(self) -> Multihash {
        self.hash
    }

    /// The codec of the block.
    #[must_use]
    pub fn codec(&self) -> u64 {
        self.codec
    }

    /// The same as a `Cid`.
    ///
    /// # Errors
    /// The digest is above 64 bytes.
    pub fn cid(&self) -> Result<Cid, multihash::MultihashError> {
        let too_long = || multihash::MultihashError::TooLong(self.hash.digest().len());
        let hash = cid::multihash::Multihash::wrap(self.hash.code(), self.hash.digest())
            .map_err(|_| too_long())?;
        Cid::new(self.version, self.codec, hash).map_err(|_| too_long())
    }

    /// The bytes on the wire.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(self.hash.as_bytes().len() + 4);
        if self.version == cid::Version::V1 {
            varint::write(1, &mut bytes);
            varint::write(self.codec, &mut bytes);
        }
        bytes.extend_from_slice(self.hash.as_bytes());
        bytes
    }
}

impl From<&Cid> for BlockId {
    fn from(cid: &Cid) -> Self {
        Self {
            version: cid.version(),
            codec: cid.codec(),
            hash: Multihash::of(cid),
        }
    }
}

impl fmt::Display for BlockId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.version {
            cid::Version::V0 => f.write_str(&self.hash.base58()[1..]),
            cid::Version::V1 => f.write_str(&multibase::encode(Base::Base32Lower, self.to_bytes())),
        }
    }
}

impl fmt::Debug for BlockId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Version, codec and where the multihash starts; `None` if more bytes are needed.
fn head(bytes: &[u8]) -> Result<Option<(cid::Version, u64, usize)>, CidError> {
    if let [0x12, 0x20, ..] = bytes {
        debug_assert_eq!(u64::from(bytes[0]), SHA2_256);
        return Ok(Some((cid::Version::V0, codec::DAG_PB, 0)));
    }
    let Some((version, first)) = varint::decode(bytes).map_err(CidError::Varint)? else {
        return Ok(None);
    };
    match version {
        1 => {}
        0x12 if bytes.len() == 1 => return Ok(None),
        other => return Err(CidError::Version(other)),
    }
    let Some((codec, second)) = varint::decode(&bytes[first..]).map_err(CidError::Varint)? else {
        return Ok(None);
    };
    Ok(Some((cid::Version::V1, codec, first + second)))
}
