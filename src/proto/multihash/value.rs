//! The bytes of a multihash.

use std::fmt;
use std::str::FromStr;

use aws_lc_rs::digest;
use cid::Cid;
use multibase::Base;
use thiserror::Error as ThisError;

use super::codes::{IDENTITY, SHA2_256};
use crate::proto::varint;

/// Why bytes or text are no multihash, or do not match theirs.
#[derive(Debug, Clone, PartialEq, Eq, ThisError)]
pub enum MultihashError {
    /// A varint inside is wrong.
    #[error("multihash holds a bad number")]
    Varint(#[source] varint::VarintError),
    /// The bytes end too early.
    #[error("multihash is cut short")]
    Truncated,
    /// Bytes are left after the digest.
    #[error("multihash is followed by {0} bytes")]
    Trailing(usize),
    /// The text is not multibase.
    #[error("`{0}` is not multibase text")]
    Multibase(String),
    /// The digest does not belong to the data.
    #[error("data does not hash to {0}")]
    Mismatch(Multihash),
    /// No function here computes this hash (or this digest length of it).
    #[error("hash function 0x{code:x} with {length} bytes of digest cannot be checked")]
    Unverifiable {
        /// The hash code.
        code: u64,
        /// Bytes of digest.
        length: usize,
    },
    /// The digest is longer than a `Cid` can hold.
    #[error("digest of {0} bytes is too long for a link")]
    TooLong(usize),
}

/// A validated multihash: varint code, varint length, digest of exactly that length.
///
/// Ordered by its bytes; [`Multihash::digest`] is what indexes sort by.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Multihash(pub(super) Box<[u8]>);

impl Multihash {
    /// Wraps a digest.
    #[must_use]
    pub fn wrap(code: u64, digest: &[u8]) -> Self {
        let mut bytes = Vec::with_capacity(digest.len() + 4);
        varint::write(code, &mut bytes);
        varint::write(digest.len() as u64, &mut bytes);
        bytes.extend_from_slice(digest);
        Self(bytes.into_boxed_slice())
    }

    /// The SHA2-256 multihash of `data`.
    #[must_use]
    pub fn sha256(data: &[u8]) -> Self {
        Self::wrap(SHA2_256, digest::digest(&digest::SHA256, data).as_ref())
    }

    /// The identity multihash of `data`.
    #[must_use]
    pub fn identity(data: &[u8]) -> Self {
        Self::wrap(IDENTITY, data)
    }

    /// The multihash of a link.
    #[must_use]
    pub fn of(cid: &Cid) -> Self {
        Self::wrap(cid.hash().code(), cid.hash().digest())
    }

    /// Takes the whole of `bytes`.
    ///
    /// # Errors
    /// The bytes are cut short, go on after the digest, or hold a bad number.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, MultihashError> {
        match Self::prefix(bytes)? {
            Some((hash, length)) if length == bytes.len() => Ok(hash),
            Some((_, length)) => Err(MultihashError::Trailing(bytes.len() - length)),
            None => Err(MultihashError::Truncated),
        }
    }

    /// Checks that `bytes` are one multihash, without taking them.
    ///
    /// # Errors
    /// As [`Multihash::from_bytes`].
    pub fn check(bytes: &[u8]) -> Result<(), MultihashError> {
        match prefix_length(bytes)? {
            Some(length) if length == bytes.len() as u64 => Ok(()),
            Some(length) if length < bytes.len() as u64 => {
                let length = usize::try_from(length).unwrap_or(usize::MAX);
                Err(MultihashError::Trailing(bytes.len().saturating_sub(length)))
            }
            _ => Err(MultihashError::Truncated),
        }
    }

    /// Takes a multihash from the start of `bytes` and says how many it took; `None` if more bytes are needed.
    ///
    /// # Errors
    /// The code or the length is no varint.
    pub fn prefix(bytes: &[u8]) -> Result<Option<(Self, usize)>, MultihashError> {
        let Some(end) = prefix_length(bytes)? else {
            return Ok(None);
        };
        match usize::try_from(end).ok().and_then(|end| bytes.get(..end)) {
            Some(whole) => Ok(Some((Self(whole.into()), whole.len()))),
            None => Ok(None),
        }
    }

    /// Reads multibase text of any base.
    ///
    /// # Errors
    /// The text is not multibase, or as [`Multihash::from_bytes`].
    pub fn parse(text: &str) -> Result<Self, MultihashError> {
        let (_, bytes) =
            multibase::decode(text).map_err(|_| MultihashError::Multibase(shortened(text)))?;
        Self::from_bytes(&bytes)
    }

    /// The hash code.
    #[must_use]
    pub fn code(&self) -> u64 {
        self.numbers().0
    }

    /// The digest alone.
    #[must_use]
    pub fn digest(&self) -> &[u8] {
        &self.0[self.numbers().1..]
    }

    /// Code, length and digest as on the wire.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// Base58btc with the `z` of multibase, the spelling of keys and tables.
    #[must_use]
    pub fn base58(&self) -> String {
        multibase::encode(Base::Base58Btc, &self.0)
    }

    /// The `CIDv1` with this hash.
    ///
    /// # Errors
    /// The digest is above 64 bytes.
    pub fn cid(&self, codec: u64) -> Result<Cid, MultihashError> {
        let hash = cid::multihash::Multihash::wrap(self.code(), self.digest());
        hash.map(|hash| Cid::new_v1(codec, hash))
            .map_err(|_| MultihashError::TooLong(self.digest().len()))
    }

    /// The `CIDv1` of `data` by SHA2-256.
    pub(crate) fn link(codec: u64, data: &[u8]) -> Cid {
        Self::sha256(data)
            .cid(codec)
            .expect("32 bytes of digest fit a link")
    }

    /// Code, and where the digest starts.
    pub(super) fn numbers(&self) -> (u64, usize) {
        let number = |at| {
            varint::decode(&self.0[at..])
                .ok()
                .flatten()
                .expect("validated when made")
        };
        let (code, first) = number(0);
        (code, first + number(first).1)
    }
}

/// How long the multihash at the start of `bytes` is, once its two numbers are there.
pub(crate) fn prefix_length(bytes: &[u8]) -> Result<Option<u64>, MultihashError> {
    let Some((_, first)) = varint::decode(bytes).map_err(MultihashError::Varint)? else {
        return Ok(None);
    };
    let Some((length, second)) = varint::decode(&bytes[first..]).map_err(MultihashError::Varint)?
    else {
        return Ok(None);
    };
    Ok(Some(length.saturating_add((first + second) as u64)))
}

/// At most sixty characters of a text, for messages.
fn shortened(text: &str) -> String {
    text.chars().take(60).collect()
}

impl fmt::Display for Multihash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.base58())
    }
}

impl fmt::Debug for Multihash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.base58())
    }
}

impl FromStr for Multihash {
    type Err = MultihashError;

    fn from_str(text: &str) -> Result<Self, MultihashError> {
        Self::parse(text)
    }
}

impl From<&Cid> for Multihash {
    fn from(cid: &Cid) -> Self {
        Self::of(cid)
    }
}
