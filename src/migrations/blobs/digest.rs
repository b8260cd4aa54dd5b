//! The digest that is expected of a blob, and those of what was read.

use aws_lc_rs::digest::{Context, SHA256, SHA512};
use multibase::Base::Base16Lower;

/// A digest that a blob must have, known without reading it. Held against what is read, before anything is published.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Expected {
    /// SHA-256.
    Sha256([u8; 32]),
    /// SHA-512.
    Sha512(Box<[u8; 64]>),
}

/// The digests of bytes that were read to their end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Digests {
    /// How many bytes.
    pub size: u64,
    /// Their SHA-256.
    pub sha256: [u8; 32],
    /// Their SHA-512, if one was expected.
    sha512: Option<Box<[u8; 64]>>,
}

/// Hashes bytes as they pass.
pub(super) struct Hasher {
    size: u64,
    sha256: Context,
    sha512: Option<Context>,
}

impl Expected {
    /// A digest in hexadecimal, lower case; the algorithm follows from its length.
    pub(super) fn of_hex(hex: &str) -> Option<Self> {
        let is_lower = hex
            .bytes()
            .all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f'));
        let bytes = Base16Lower.decode(hex).ok().filter(|_| is_lower)?;
        if let Ok(sha256) = <[u8; 32]>::try_from(&*bytes) {
            return Some(Self::Sha256(sha256));
        }
        let sha512 = <[u8; 64]>::try_from(&*bytes).ok()?;
        Some(Self::Sha512(Box::new(sha512)))
    }
}

impl Digests {
    /// Whether these are the bytes that were expected.
    #[must_use]
    pub fn are(&self, expected: &Expected) -> bool {
        match expected {
            Expected::Sha256(sha256) => self.sha256 == *sha256,
            Expected::Sha512(sha512) => self.sha512.as_ref() == Some(sha512),
        }
    }

    /// The SHA-256 in hexadecimal.
    #[must_use]
    pub fn sha256_hex(&self) -> String {
        Base16Lower.encode(self.sha256)
    }
}

impl Hasher {
    pub(super) fn new(expected: Option<&Expected>) -> Self {
        let wants_512 = matches!(expected, Some(Expected::Sha512(_)));
        Self {
            size: 0,
            sha256: Context::new(&SHA256),
            sha512: wants_512.then(|| Context::new(&SHA512)),
        }
    }

    pub(super) fn update(&mut self, bytes: &[u8]) {
        self.size += bytes.len() as u64;
        self.sha256.update(bytes);
        if let Some(sha512) = &mut self.sha512 {
            sha512.update(bytes);
        }
    }

    pub(super) fn finish(self) -> Digests {
        let mut sha256 = [0; 32];
        sha256.copy_from_slice(self.sha256.finish().as_ref());
        let sha512 = self.sha512.map(|context| {
            let mut sha512 = Box::new([0; 64]);
            sha512.copy_from_slice(context.finish().as_ref());
            sha512
        });
        Digests {
            size: self.size,
            sha256,
            sha512,
        }
    }
}
