//! Signatures as varsig bytes (docs/protocol/ucan.md §4).

use bytes::Bytes;

use super::varint;

/// Code of ed25519 signatures.
pub const EDDSA: u64 = 0xd0ed;
/// Code of signatures that name their algorithm; with an empty name: an absentee's.
pub const NON_STANDARD: u64 = 0xd000;
/// Codes that a reader knows, with the algorithm names that UCAN headers give them.
pub const STANDARD: [(u64, &str); 5] = [
    (EDDSA, "EdDSA"),
    (0xd0e7, "ES256K"),
    (0x00d0_1205, "RS256"),
    (0x00d0_1200, "ES256"),
    (0xd191, "EIP191"),
];

/// Longest signature that is read, in bytes.
const MAX_BYTES: usize = 8 << 10;

/// Why bytes are no varsig.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum SignatureError {
    /// A varint is cut short, too long or not minimal.
    #[error("read signature: malformed length or code")]
    Varint,
    /// The raw signature is cut short, or bytes follow it that its code does not allow.
    #[error("read signature: length does not fit")]
    Length,
    /// The code is none of [`STANDARD`] and not [`NON_STANDARD`].
    #[error("read signature: unknown algorithm code {0:#x}")]
    Code(u64),
    /// The name of a non-standard algorithm is not text.
    #[error("read signature: algorithm name is not UTF-8")]
    Name,
}

/// A signature: varint code, varint length, raw bytes, and for [`NON_STANDARD`] the name of the algorithm.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Signature {
    code: u64,
    bytes: Bytes,
    raw: std::ops::Range<usize>,
}

impl Signature {
    /// The signature of an issuer that is not there to sign (`80 a0 03 00`).
    #[must_use]
    pub fn absentee() -> Self {
        Self::non_standard("", &[])
    }

    /// Wraps a raw ed25519 signature.
    #[must_use]
    pub fn eddsa(raw: &[u8; 64]) -> Self {
        Self::build(EDDSA, raw, "")
    }

    /// Wraps the signature of an algorithm without a code.
    #[must_use]
    pub fn non_standard(name: &str, raw: &[u8]) -> Self {
        Self::build(NON_STANDARD, raw, name)
    }

    fn build(code: u64, raw: &[u8], name: &str) -> Self {
        let mut bytes = Vec::with_capacity(raw.len() + name.len() + 12);
        varint::write(code, &mut bytes);
        varint::write(raw.len() as u64, &mut bytes);
        let start = bytes.len();
        bytes.extend_from_slice(raw);
        bytes.extend_from_slice(name.as_bytes());
        Self {
            code,
            bytes: bytes.into(),
            raw: start..start + raw.len(),
        }
    }

    /// Reads varsig bytes.
    ///
    /// # Errors
    /// They are too many, the algorithm is unknown, its name is not UTF-8, or a length does not fit.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, SignatureError> {
        if bytes.len() > MAX_BYTES {
            return Err(SignatureError::Length);
        }
        let (code, rest) = varint::read(bytes).ok_or(SignatureError::Varint)?;
        let (length, rest) = varint::read(rest).ok_or(SignatureError::Varint)?;
        let length = usize::try_from(length).map_err(|_| SignatureError::Length)?;
        let name = rest.get(length..).ok_or(SignatureError::Length)?;
        match code {
            NON_STANDARD => drop(std::str::from_utf8(name).map_err(|_| SignatureError::Name)?),
            _ if !STANDARD.iter().any(|(known, _)| *known == code) => {
                return Err(SignatureError::Code(code));
            }
            _ if !name.is_empty() => return Err(SignatureError::Length),
            _ => {}
        }
        let start = bytes.len() - rest.len();
        Ok(Self {
            code,
            bytes: Bytes::copy_from_slice(bytes),
            raw: start..start + length,
        })
    }

    /// The varsig bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The signature itself, without code, length and name.
    #[must_use]
    pub fn raw(&self) -> &[u8] {
        &self.bytes[self.raw.clone()]
    }

    /// The algorithm's code.
    #[must_use]
    pub fn code(&self) -> u64 {
        self.code
    }

    /// The algorithm's name as UCAN headers write it; empty for an absentee.
    #[must_use]
    pub fn algorithm(&self) -> &str {
        STANDARD
            .iter()
            .find(|(code, _)| *code == self.code)
            .map_or_else(
                || std::str::from_utf8(&self.bytes[self.raw.end..]).unwrap_or_default(),
                |(_, name)| name,
            )
    }

    /// Tells whether nobody signed.
    #[must_use]
    pub fn is_absentee(&self) -> bool {
        self.code == NON_STANDARD && self.raw.is_empty() && self.algorithm().is_empty()
    }
}
