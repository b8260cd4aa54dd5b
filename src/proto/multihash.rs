//! Multihashes of any length, and the hashing that checks blocks.
//!
//! `cid::Cid` holds digests of at most 64 bytes; identity hashes in CARs and index slices may be longer, so they are
//! carried here.

use std::fmt;
use std::str::FromStr;

use aws_lc_rs::digest;
use cid::Cid;
use multibase::Base;
use multihash_codetable::{Blake2b256, Blake2b512, Blake2s256, Blake3_256, Keccak256, Keccak512};
use thiserror::Error as ThisError;

use super::varint;

/// Codecs of content identifiers.
pub mod codec {
    /// Plain bytes.
    pub const RAW: u64 = 0x55;
    /// `UnixFS` nodes.
    pub const DAG_PB: u64 = 0x70;
    /// DAG-CBOR.
    pub const DAG_CBOR: u64 = 0x71;
    /// A whole CAR: shards and index archives.
    pub const CAR: u64 = 0x0202;
}

/// Hash code of the identity "hash": the digest is the data.
pub const IDENTITY: u64 = 0x00;
/// Hash code of SHA2-256.
pub const SHA2_256: u64 = 0x12;
/// Hash code of SHA2-512.
pub const SHA2_512: u64 = 0x13;
const SHA1: u64 = 0x11;
const SHA3_512: u64 = 0x14;
const SHA3_256: u64 = 0x16;
const KECCAK_256: u64 = 0x1b;
const KECCAK_512: u64 = 0x1d;
const BLAKE3: u64 = 0x1e;
const BLAKE2B_256: u64 = 0xb220;
const BLAKE2B_512: u64 = 0xb240;
const BLAKE2S_256: u64 = 0xb260;

/// Why bytes or text are no multihash, or do not match theirs.
#[derive(Debug, Clone, PartialEq, Eq, ThisError)]
pub enum Error {
    /// A varint inside is wrong.
    #[error("multihash holds a bad number")]
    Varint(#[source] varint::Error),
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
pub struct Multihash(Box<[u8]>);

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
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Error> {
        match Self::prefix(bytes)? {
            Some((hash, length)) if length == bytes.len() => Ok(hash),
            Some((_, length)) => Err(Error::Trailing(bytes.len() - length)),
            None => Err(Error::Truncated),
        }
    }

    /// Takes a multihash from the start of `bytes` and says how many it took; `None` if more bytes are needed.
    pub fn prefix(bytes: &[u8]) -> Result<Option<(Self, usize)>, Error> {
        let Some(end) = prefix_length(bytes)? else {
            return Ok(None);
        };
        match usize::try_from(end).ok().and_then(|end| bytes.get(..end)) {
            Some(whole) => Ok(Some((Self(whole.into()), whole.len()))),
            None => Ok(None),
        }
    }

    /// Reads multibase text of any base.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let (_, bytes) = multibase::decode(text).map_err(|_| Error::Multibase(shortened(text)))?;
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

    /// The `CIDv1` with this hash; fails for digests above 64 bytes.
    pub fn cid(&self, codec: u64) -> Result<Cid, Error> {
        let hash = cid::multihash::Multihash::wrap(self.code(), self.digest());
        hash.map(|hash| Cid::new_v1(codec, hash))
            .map_err(|_| Error::TooLong(self.digest().len()))
    }

    /// The `CIDv1` of `data` by SHA2-256.
    pub(crate) fn link(codec: u64, data: &[u8]) -> Cid {
        Self::sha256(data)
            .cid(codec)
            .expect("32 bytes of digest fit a link")
    }

    /// Whether this hash belongs to `data`.
    pub fn verify(&self, data: &[u8]) -> Result<(), Error> {
        let (function, wanted) = self.function()?;
        let good = match function {
            Function::Identity => wanted == data,
            Function::Digest(algorithm) => digest::digest(algorithm, data).as_ref() == wanted,
            Function::Table(make) => {
                let mut hasher = make();
                hasher.update(data);
                hasher.finalize() == wanted
            }
        };
        if good {
            Ok(())
        } else {
            Err(Error::Mismatch(self.clone()))
        }
    }

    /// Whether data can be checked against this hash at all.
    pub fn checkable(&self) -> Result<(), Error> {
        self.function().map(|_| ())
    }

    /// A hasher of the function of this multihash, for data that comes in pieces.
    pub fn hasher(&self) -> Result<Hasher, Error> {
        Ok(match self.function()? {
            (Function::Identity, wanted) => Hasher::Identity {
                wanted: wanted.into(),
                seen: 0,
                equal: true,
            },
            (Function::Digest(algorithm), _) => Hasher::Digest(digest::Context::new(algorithm)),
            (Function::Table(make), _) => Hasher::Table(make()),
        })
    }

    /// The function, and the digest it should give.
    fn function(&self) -> Result<(Function, &[u8]), Error> {
        let (code, start) = self.numbers();
        let wanted = &self.0[start..];
        let function = match (code, wanted.len()) {
            (IDENTITY, _) => Function::Identity,
            (SHA1, 20) => Function::Digest(&digest::SHA1_FOR_LEGACY_USE_ONLY),
            (SHA2_256, 32) => Function::Digest(&digest::SHA256),
            (SHA2_512, 64) => Function::Digest(&digest::SHA512),
            (SHA3_512, 64) => Function::Digest(&digest::SHA3_512),
            (SHA3_256, 32) => Function::Digest(&digest::SHA3_256),
            (KECCAK_256, 32) => Function::Table(|| Box::new(Keccak256::default())),
            (KECCAK_512, 64) => Function::Table(|| Box::new(Keccak512::default())),
            (BLAKE3, 32) => Function::Table(|| Box::new(Blake3_256::default())),
            (BLAKE2B_256, 32) => Function::Table(|| Box::new(Blake2b256::default())),
            (BLAKE2B_512, 64) => Function::Table(|| Box::new(Blake2b512::default())),
            (BLAKE2S_256, 32) => Function::Table(|| Box::new(Blake2s256::default())),
            (code, length) => return Err(Error::Unverifiable { code, length }),
        };
        Ok((function, wanted))
    }

    /// Code, and where the digest starts.
    fn numbers(&self) -> (u64, usize) {
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

/// The functions that are computed here.
enum Function {
    Identity,
    Digest(&'static digest::Algorithm),
    Table(fn() -> Running),
}

/// A function of the code table that has begun.
type Running = Box<dyn multihash_derive::Hasher + Send>;

/// How long the multihash at the start of `bytes` is, once its two numbers are there.
pub(crate) fn prefix_length(bytes: &[u8]) -> Result<Option<u64>, Error> {
    let Some((_, first)) = varint::decode(bytes).map_err(Error::Varint)? else {
        return Ok(None);
    };
    let Some((length, second)) = varint::decode(&bytes[first..]).map_err(Error::Varint)? else {
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
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        Self::parse(text)
    }
}

impl From<&Cid> for Multihash {
    fn from(cid: &Cid) -> Self {
        Self::of(cid)
    }
}

/// Checks data that comes in pieces against one multihash; made by [`Multihash::hasher`].
pub enum Hasher {
    /// A cryptographic function.
    Digest(digest::Context),
    /// One of the less common ones.
    Table(Running),
    /// The digest is the data.
    Identity {
        /// The data that must come.
        wanted: Box<[u8]>,
        /// How many bytes came.
        seen: usize,
        /// Whether all of them were as wanted.
        equal: bool,
    },
}

impl Hasher {
    /// Takes the next piece.
    pub fn update(&mut self, data: &[u8]) {
        match self {
            Self::Digest(context) => context.update(data),
            Self::Table(hasher) => hasher.update(data),
            Self::Identity {
                wanted,
                seen,
                equal,
            } => {
                let end = seen.saturating_add(data.len());
                *equal = *equal && wanted.get(*seen..end) == Some(data);
                *seen = end;
            }
        }
    }

    /// Whether all pieces together have the hash `expected`, which this hasher was made from.
    pub fn check(self, expected: &Multihash) -> Result<(), Error> {
        let good = match self {
            Self::Digest(context) => context.finish().as_ref() == expected.digest(),
            Self::Table(mut hasher) => hasher.finalize() == expected.digest(),
            Self::Identity {
                wanted,
                seen,
                equal,
            } => equal && seen == wanted.len(),
        };
        if good {
            Ok(())
        } else {
            Err(Error::Mismatch(expected.clone()))
        }
    }
}

/// SHA2-256 of data that comes in pieces.
#[derive(Clone)]
pub struct Sha256(digest::Context);

impl Sha256 {
    /// Starts with no data.
    #[must_use]
    pub fn new() -> Self {
        Self(digest::Context::new(&digest::SHA256))
    }

    /// Takes the next piece.
    pub fn update(&mut self, data: &[u8]) {
        self.0.update(data);
    }

    /// The multihash of all pieces.
    #[must_use]
    pub fn finish(self) -> Multihash {
        Multihash::wrap(SHA2_256, self.0.finish().as_ref())
    }
}

impl Default for Sha256 {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn identity_hashes_above_64_bytes_are_kept_but_are_no_link() {
        let hash = Multihash::identity(&[7; 200]);
        assert_eq!(Multihash::from_bytes(hash.as_bytes()).unwrap(), hash);
        assert_eq!(hash.digest(), &[7; 200]);
        assert_eq!(hash.cid(codec::RAW), Err(Error::TooLong(200)));
        hash.verify(&[7; 200]).unwrap();
        assert_eq!(hash.verify(&[7; 199]), Err(Error::Mismatch(hash.clone())));
    }

    #[test]
    fn unknown_hash_functions_are_named() {
        // MD5, and a digest that was cut.
        for (code, length) in [(0xd5, 16), (SHA2_256, 20)] {
            let hash = Multihash::wrap(code, &vec![0; length]);
            assert_eq!(hash.verify(b"x"), Err(Error::Unverifiable { code, length }));
        }
    }

    /// Digests of "abc" as the functions' own papers and reference programs give them.
    const OF_ABC: [(u64, &str); 9] = [
        (SHA1, "a9993e364706816aba3e25717850c26c9cd0d89d"),
        (
            SHA3_256,
            "3a985da74fe225b2045c172d6bd390bd855f086e3e9d525b46bfe24511431532",
        ),
        (
            SHA3_512,
            "b751850b1a57168a5693cd924b6b096e08f621827444f70d884f5d0240d2712e10e116e9192af3c91a7ec57647e3934057340b4cf408d5a56592f8274eec53f0",
        ),
        (
            KECCAK_256,
            "4e03657aea45a94fc7d47ba826c8d667c0d1e6e33a64a036ec44f58fa12d6c45",
        ),
        (
            KECCAK_512,
            "18587dc2ea106b9a1563e32b3312421ca164c7f1f07bc922a9c83d77cea3a1e5d0c69910739025372dc14ac9642629379540c17e2a65b19d77aa511a9d00bb96",
        ),
        (
            BLAKE3,
            "6437b3ac38465133ffb63b75273a8db548c558465d79db03fd359c6cd5bd9d85",
        ),
        (
            BLAKE2B_256,
            "bddd813c634239723171ef3fee98579b94964e3bb1cb3e427262c8c068d52319",
        ),
        (
            BLAKE2B_512,
            "ba80a53f981c4d0d6a2797b69f12f6e94c212f14685ac4b74b12bb6fdbffa2d17d87c5392aab792dc252d5de4533cc9518d38aa8dbf1925ab92386edd4009923",
        ),
        (
            BLAKE2S_256,
            "508c5e8c327c14e2e1a72ba34eeb452f37458b209ed63a294d999b4c86675982",
        ),
    ];

    #[test]
    fn blocks_of_every_common_function_are_checked_whole_and_in_pieces() {
        for (code, hex) in OF_ABC {
            let digest: Vec<u8> = (0..hex.len())
                .step_by(2)
                .map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap())
                .collect();
            let hash = Multihash::wrap(code, &digest);
            assert_eq!(hash.verify(b"abc"), Ok(()), "{code:x}");
            assert_eq!(hash.verify(b"abd"), Err(Error::Mismatch(hash.clone())));
            for (head, tail, good) in [(&b"a"[..], &b"bc"[..], true), (b"ab", b"", false)] {
                let mut hasher = hash.hasher().unwrap();
                hasher.update(head);
                hasher.update(tail);
                assert_eq!(hasher.check(&hash).is_ok(), good, "{code:x}");
            }
        }
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_never_panic(bytes: Vec<u8>) {
            if let Ok(hash) = Multihash::from_bytes(&bytes) {
                prop_assert_eq!(hash.as_bytes(), &bytes[..]);
                let _ = (hash.code(), hash.digest(), hash.cid(codec::RAW), hash.verify(&bytes));
            }
        }

        #[test]
        fn pieces_hash_like_the_whole(data: Vec<u8>, cut: prop::sample::Index) {
            let whole = Multihash::sha256(&data);
            let (head, tail) = data.split_at(cut.index(data.len() + 1));
            let mut hasher = whole.hasher().unwrap();
            hasher.update(head);
            hasher.update(tail);
            prop_assert_eq!(hasher.check(&whole), Ok(()));
            prop_assert_eq!(Multihash::parse(&whole.base58()), Ok(whole));
        }
    }
}
