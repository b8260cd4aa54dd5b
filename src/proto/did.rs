//! DIDs: text, principal bytes, mail addresses (docs/protocol/ucan.md §3).

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use multibase::Base;
use serde::{Deserialize, Serialize};

use super::varint;

/// Multicodec of an ed25519 public key.
pub(crate) const ED25519_PUBLIC: u64 = 0xed;
/// Multicodec of principal bytes that hold DID text.
const DID_CORE: u64 = 0x0d1d;
/// Multicodecs of the keys a did:key may hold: ed25519, RSA, P-256, P-384, P-521, secp256k1, BLS G1 and G2.
const KEYS: [u64; 8] = [
    ED25519_PUBLIC,
    0x1205,
    0x1200,
    0x1201,
    0x1202,
    0xe7,
    0xea,
    0xeb,
];
/// Longest DID text that is read.
const MAX_LENGTH: usize = 4096;

/// Why a text or bytes are no DID.
#[derive(Debug, Clone, thiserror::Error, PartialEq, Eq)]
pub enum DidError {
    /// The text is not `did:<method>:<name>`.
    #[error("parse DID: {0:?} is not of the form did:<method>:<name>")]
    Form(String),
    /// The key of a did:key is not base58 of a known kind of key.
    #[error("parse DID: {0:?} holds no key of a known kind")]
    Key(String),
    /// Principal bytes start with a code that is none of a principal.
    #[error("read principal: unknown code {0:#x}")]
    Code(u64),
    /// Principal bytes are cut short, too long, or hold no UTF-8.
    #[error("read principal: malformed bytes")]
    Bytes,
    /// The text is no mail address.
    #[error("parse mail address: {0:?} has no name or no domain")]
    Email(String),
}

/// A decentralised identifier of a person, service, space or key. Cheap to clone; ordered and hashed by its text.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Did(Arc<str>);

impl Did {
    /// Reads DID text. A did:key must hold a key of a known kind.
    ///
    /// # Errors
    /// The text is no DID or too long, or a did:key holds no key of a known kind.
    pub fn parse(text: &str) -> Result<Self, DidError> {
        let form = || DidError::Form(text.chars().take(80).collect());
        if text.len() > MAX_LENGTH {
            return Err(form());
        }
        let rest = text.strip_prefix("did:").ok_or_else(form)?;
        let (method, name) = rest.split_once(':').ok_or_else(form)?;
        let method_fits = !method.is_empty()
            && method
                .bytes()
                .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
        if !method_fits
            || name.is_empty()
            || name.chars().any(|c| c.is_whitespace() || c.is_control())
        {
            return Err(form());
        }
        if method == "key" {
            decode_key(name).ok_or_else(|| DidError::Key(text.to_owned()))?;
        }
        Ok(Self(text.into()))
    }

    /// Reads principal bytes, the form of `iss`, `aud` and `space`.
    ///
    /// # Errors
    /// The bytes are too many, or neither a known key nor the text of a DID.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, DidError> {
        if bytes.len() > MAX_LENGTH {
            return Err(DidError::Bytes);
        }
        let (code, rest) = varint::read(bytes).ok_or(DidError::Bytes)?;
        if code == DID_CORE {
            let name = std::str::from_utf8(rest).map_err(|_| DidError::Bytes)?;
            return Self::parse(&format!("did:{name}"));
        }
        if !KEYS.contains(&code) {
            return Err(DidError::Code(code));
        }
        if !key_fits(bytes) {
            return Err(DidError::Bytes);
        }
        Ok(Self(
            format!("did:key:{}", multibase::encode(Base::Base58Btc, bytes)).into(),
        ))
    }

    /// The principal bytes: the tagged key of a did:key, else a tag and the text after `did:`.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        if let Some(key) = self.0.strip_prefix("did:key:").and_then(decode_key) {
            return key;
        }
        let mut bytes = Vec::with_capacity(self.0.len());
        varint::write(DID_CORE, &mut bytes);
        bytes.extend_from_slice(&self.0.as_bytes()["did:".len()..]);
        bytes
    }

    /// The DID of a mail address: `did:mailto:<domain>:<name>`, both percent-encoded, case kept.
    ///
    /// # Errors
    /// The text has no `@` with something on both sides, or is too long.
    pub fn mailto(email: &str) -> Result<Self, DidError> {
        let (name, domain) = email
            .rsplit_once('@')
            .ok_or_else(|| DidError::Email(email.to_owned()))?;
        if name.is_empty() || domain.is_empty() {
            return Err(DidError::Email(email.to_owned()));
        }
        Self::parse(&format!(
            "did:mailto:{}:{}",
            percent_encode(domain),
            percent_encode(name)
        ))
    }

    /// The mail address of a did:mailto.
    #[must_use]
    pub fn email(&self) -> Option<String> {
        let (domain, name) = self.0.strip_prefix("did:mailto:")?.split_once(':')?;
        Some(format!(
            "{}@{}",
            percent_decode(name)?,
            percent_decode(domain)?
        ))
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Tells whether the DID is a public key.
    #[must_use]
    pub fn is_key(&self) -> bool {
        self.0.starts_with("did:key:")
    }

    /// Tells whether the DID is a domain.
    #[must_use]
    pub fn is_web(&self) -> bool {
        self.0.starts_with("did:web:")
    }

    /// Tells whether the DID is a mail account.
    #[must_use]
    pub fn is_mailto(&self) -> bool {
        self.0.starts_with("did:mailto:")
    }
}

impl fmt::Display for Did {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Did {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl AsRef<str> for Did {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl FromStr for Did {
    type Err = DidError;

    fn from_str(text: &str) -> Result<Self, DidError> {
        Self::parse(text)
    }
}

impl TryFrom<String> for Did {
    type Error = DidError;

    fn try_from(text: String) -> Result<Self, DidError> {
        Self::parse(&text)
    }
}

impl From<Did> for String {
    fn from(did: Did) -> Self {
        did.0.as_ref().to_owned()
    }
}

/// Bytes of the key in a did:key's name, if it is of a known kind.
fn decode_key(name: &str) -> Option<Vec<u8>> {
    let bytes = name
        .starts_with('z')
        .then(|| multibase::decode(name).ok())
        .flatten()?
        .1;
    let (code, _) = varint::read(&bytes)?;
    (KEYS.contains(&code) && key_fits(&bytes)).then_some(bytes)
}

/// Tells whether tagged key bytes have a length that their kind allows.
fn key_fits(bytes: &[u8]) -> bool {
    match varint::read(bytes) {
        Some((ED25519_PUBLIC, key)) => key.len() == 32,
        Some((_, key)) => !key.is_empty(),
        None => false,
    }
}

/// Percent-encodes as JavaScript's `encodeURIComponent`.
pub(crate) fn percent_encode(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.!~*'()".contains(&byte) {
            out.push(char::from(byte));
        } else {
            use fmt::Write as _;
            let _ = write!(out, "%{byte:02X}");
        }
    }
    out
}

/// Undoes [`percent_encode`]; nothing for a broken escape or text that is no UTF-8.
pub(crate) fn percent_decode(text: &str) -> Option<String> {
    let mut out = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        if byte == b'%' {
            let high = char::from(bytes.next()?).to_digit(16)?;
            let low = char::from(bytes.next()?).to_digit(16)?;
            out.push(u8::try_from(high * 16 + low).ok()?);
        } else {
            out.push(byte);
        }
    }
    String::from_utf8(out).ok()
}
