//! Sealed keys of migration spaces: AES-256-GCM as JSON text (docs/protocol/tables.md §3).
//!
//! Version 1, `{"encrypted","iv","authTag"}`, was written by the JavaScript tool: nothing binds it to a customer, so
//! it could be moved to another row. Version 2 adds `"v":2` and takes the customer's DID and the version as
//! associated data. Both are read; version 2 is written. The plaintext is the text of a secret key.

use std::fmt;

use aes_gcm::aead::consts::U16;
use aes_gcm::aead::{Aead, KeyInit, Payload};
use aes_gcm::aes::Aes256;
use aes_gcm::{AesGcm, Nonce};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use thiserror::Error as ThisError;
use zeroize::Zeroizing;

use super::Did;

/// AES-256-GCM with the 16-byte IV that the envelopes use.
type Cipher = AesGcm<Aes256, U16>;

/// Bytes of the tag at the end of a ciphertext.
const TAG: usize = 16;

/// Why an envelope cannot be opened or made.
#[derive(Debug, Clone, PartialEq, Eq, ThisError)]
pub enum EnvelopeError {
    /// The key is not 32 bytes in base64.
    #[error("encryption key is not 32 bytes in base64")]
    Key,
    /// The text is no envelope.
    #[error("key envelope is malformed")]
    Malformed,
    /// The envelope has a version that is not known.
    #[error("key envelope has the unknown version {0}")]
    Version(u64),
    /// Wrong key, wrong customer, or changed bytes.
    #[error("key envelope does not open with this key for this customer")]
    Refused,
    /// The system gives no random bytes.
    #[error("no random bytes for a key envelope")]
    Random,
}

/// The key that seals all envelopes. Never shown, and overwritten when it is dropped.
#[derive(Clone)]
pub struct Key(Zeroizing<[u8; 32]>);

/// The form of an envelope.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Version {
    /// Bound to nothing.
    One,
    /// Bound to a customer.
    Two,
}

/// What an envelope held.
pub struct Opened {
    /// The text of the secret key.
    pub secret: Zeroizing<String>,
    /// The form it came in.
    pub version: Version,
}

#[derive(Serialize, Deserialize)]
struct Envelope {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    v: Option<u64>,
    encrypted: String,
    iv: String,
    #[serde(rename = "authTag")]
    tag: String,
}

impl Key {
    /// Reads the base64 of 32 bytes.
    ///
    /// # Errors
    /// The text is not base64 of 32 bytes.
    pub fn parse(text: &str) -> Result<Self, EnvelopeError> {
        let bytes = Zeroizing::new(
            STANDARD
                .decode(text.trim())
                .map_err(|_| EnvelopeError::Key)?,
        );
        let bytes = <[u8; 32]>::try_from(bytes.as_slice()).map_err(|_| EnvelopeError::Key)?;
        Ok(Self::from_bytes(bytes))
    }

    /// Takes 32 bytes.
    #[must_use]
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// Seals a secret for a customer, with a random IV.
    ///
    /// # Errors
    /// The system gives no random bytes.
    pub fn seal(&self, customer: &Did, secret: &str) -> Result<String, EnvelopeError> {
        let mut iv = [0; 16];
        getrandom::fill(&mut iv).map_err(|_| EnvelopeError::Random)?;
        self.seal_with(Version::Two, customer, secret, iv)
    }

    /// Seals with the IV given, which must never be used twice with one key.
    ///
    /// # Errors
    /// None in practice: only a secret of many gigabytes is too long for the cipher.
    pub fn seal_with(
        &self,
        version: Version,
        customer: &Did,
        secret: &str,
        iv: [u8; 16],
    ) -> Result<String, EnvelopeError> {
        let bound = bound(version, customer);
        let payload = Payload {
            msg: secret.as_bytes(),
            aad: &bound,
        };
        let mut sealed = self
            .cipher()
            .encrypt(Nonce::from_slice(&iv), payload)
            .map_err(|_| EnvelopeError::Refused)?;
        let tag = sealed.split_off(sealed.len() - TAG);
        let envelope = Envelope {
            v: (version == Version::Two).then_some(2),
            encrypted: STANDARD.encode(sealed),
            iv: STANDARD.encode(iv),
            tag: STANDARD.encode(tag),
        };
        serde_json::to_string(&envelope).map_err(|_| EnvelopeError::Malformed)
    }

    /// Opens an envelope of either form for a customer.
    ///
    /// # Errors
    /// The text is no envelope of a known version, or does not open with this key for this customer.
    pub fn open(&self, customer: &Did, text: &str) -> Result<Opened, EnvelopeError> {
        let envelope: Envelope =
            serde_json::from_str(text).map_err(|_| EnvelopeError::Malformed)?;
        let version = match envelope.v {
            None | Some(1) => Version::One,
            Some(2) => Version::Two,
            Some(other) => return Err(EnvelopeError::Version(other)),
        };
        let bytes = |text: &str| STANDARD.decode(text).map_err(|_| EnvelopeError::Malformed);
        let iv: [u8; 16] = bytes(&envelope.iv)?
            .try_into()
            .map_err(|_| EnvelopeError::Malformed)?;
        let tag: [u8; TAG] = bytes(&envelope.tag)?
            .try_into()
            .map_err(|_| EnvelopeError::Malformed)?;
        let sealed = [bytes(&envelope.encrypted)?, tag.to_vec()].concat();
        let bound = bound(version, customer);
        let payload = Payload {
            msg: &sealed,
            aad: &bound,
        };
        let secret = self
            .cipher()
            .decrypt(Nonce::from_slice(&iv), payload)
            .map_err(|_| EnvelopeError::Refused)?;
        Ok(Opened {
            secret: Zeroizing::new(
                String::from_utf8(secret).map_err(|_| EnvelopeError::Malformed)?,
            ),
            version,
        })
    }

    fn cipher(&self) -> Cipher {
        Cipher::new(&(*self.0).into())
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key(…)")
    }
}

/// The associated data: nothing, or version and customer.
fn bound(version: Version, customer: &Did) -> Vec<u8> {
    match version {
        Version::One => Vec::new(),
        Version::Two => format!("sterna key envelope v2\n{customer}").into_bytes(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn customer(name: &str) -> Did {
        Did::mailto(&format!("{name}@example.com")).unwrap()
    }

    /// Pitfall 83.
    #[test]
    fn an_envelope_opens_only_for_its_customer() {
        let key = Key::from_bytes([7; 32]);
        let sealed = key.seal(&customer("alice"), "Msecret").unwrap();
        let opened = key.open(&customer("alice"), &sealed).unwrap();
        assert_eq!(
            (opened.secret.as_str(), opened.version),
            ("Msecret", Version::Two)
        );
        assert_eq!(
            key.open(&customer("bob"), &sealed).err(),
            Some(EnvelopeError::Refused)
        );
        assert_eq!(
            Key::from_bytes([8; 32])
                .open(&customer("alice"), &sealed)
                .err(),
            Some(EnvelopeError::Refused)
        );
    }

    #[test]
    fn an_envelope_cannot_be_called_the_older_version() {
        let key = Key::from_bytes([7; 32]);
        let sealed = key.seal(&customer("alice"), "Msecret").unwrap();
        let older = sealed.replace("\"v\":2,", "");
        assert_ne!(older, sealed);
        assert_eq!(
            key.open(&customer("alice"), &older).err(),
            Some(EnvelopeError::Refused)
        );
        let newer = sealed.replace("\"v\":2", "\"v\":3");
        assert_eq!(
            key.open(&customer("alice"), &newer).err(),
            Some(EnvelopeError::Version(3))
        );
    }

    #[test]
    fn keys_and_ivs_have_one_length() {
        assert_eq!(Key::parse("AAAA").err(), Some(EnvelopeError::Key));
        assert!(Key::parse(&STANDARD.encode([1; 32])).is_ok());
        let short = "{\"encrypted\":\"\",\"iv\":\"AAAA\",\"authTag\":\"AAAA\"}";
        assert_eq!(
            Key::from_bytes([7; 32])
                .open(&customer("alice"), short)
                .err(),
            Some(EnvelopeError::Malformed)
        );
    }

    #[test]
    fn two_envelopes_of_one_secret_differ() {
        let key = Key::from_bytes([7; 32]);
        assert_ne!(
            key.seal(&customer("alice"), "M"),
            key.seal(&customer("alice"), "M")
        );
    }

    proptest! {
        #[test]
        fn what_is_sealed_opens(secret: String, iv: [u8; 16]) {
            let key = Key::from_bytes([7; 32]);
            for version in [Version::One, Version::Two] {
                let sealed = key.seal_with(version, &customer("alice"), &secret, iv).unwrap();
                prop_assert_eq!(&*key.open(&customer("alice"), &sealed).unwrap().secret, &secret);
            }
        }

        #[test]
        fn arbitrary_text_never_panics(text: String) {
            prop_assert!(Key::from_bytes([7; 32]).open(&customer("alice"), &text).is_err());
        }
    }
}
