//! The hash functions that are computed here.

use aws_lc_rs::digest;
use multihash_codetable::{Blake2b256, Blake2b512, Blake2s256, Blake3_256, Keccak256, Keccak512};

use super::codes::{IDENTITY, SHA2_256, SHA2_512};
use super::value::MultihashError;

const SHA1: u64 = 0x11;
const SHA3_512: u64 = 0x14;
const SHA3_256: u64 = 0x16;
const KECCAK_256: u64 = 0x1b;
const KECCAK_512: u64 = 0x1d;
const BLAKE3: u64 = 0x1e;
const BLAKE2B_256: u64 = 0xb220;
const BLAKE2B_512: u64 = 0xb240;
const BLAKE2S_256: u64 = 0xb260;

/// The functions that are computed here.
pub(super) enum Function {
    Identity,
    Digest(&'static digest::Algorithm),
    Table(fn() -> Running),
}

/// A function of the code table that has begun.
pub(super) type Running = Box<dyn multihash_derive::Hasher + Send>;

impl Function {
    /// The function of a code that gives so many bytes.
    pub(super) fn of(code: u64, length: usize) -> Result<Self, MultihashError> {
        Ok(match (code, length) {
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
            (code, length) => return Err(MultihashError::Unverifiable { code, length }),
        })
    }

    /// Whether it gives a digest for data.
    pub(super) fn gives(&self, data: &[u8], wanted: &[u8]) -> bool {
        match self {
            Self::Identity => wanted == data,
            Self::Digest(algorithm) => digest::digest(algorithm, data).as_ref() == wanted,
            Self::Table(make) => {
                let mut hasher = make();
                hasher.update(data);
                hasher.finalize() == wanted
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::multihash::Multihash;

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
            assert_eq!(
                hash.verify(b"abd"),
                Err(MultihashError::Mismatch(hash.clone()))
            );
            for (head, tail, good) in [(&b"a"[..], &b"bc"[..], true), (b"ab", b"", false)] {
                let mut hasher = hash.hasher().unwrap();
                hasher.update(head);
                hasher.update(tail);
                assert_eq!(hasher.check(&hash).is_ok(), good, "{code:x}");
            }
        }
    }
}
