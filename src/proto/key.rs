//! ed25519 keys that sign and verify, under their own did:key or another DID (docs/protocol/ucan.md §5).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use ed25519_dalek::{Signer as _, SigningKey, VerifyingKey};
use zeroize::Zeroizing;

use super::did::{Did, ED25519_PUBLIC};
use super::signature::{EDDSA, Signature};
use super::varint;

/// Multicodec of an ed25519 private key.
const ED25519_PRIVATE: u64 = 0x1300;

/// Why something is no key.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum KeyError {
    /// The text is not `M` and base64 of 68 bytes.
    #[error("parse private key: not the text form of an ed25519 key (M…)")]
    Text,
    /// The 68 bytes are tagged otherwise, or of another length.
    #[error("parse private key: not the bytes of an ed25519 key")]
    Bytes,
    /// The public key does not belong to the seed.
    #[error("parse private key: public and private half do not belong together")]
    Halves,
    /// The DID holds no ed25519 key that verifies.
    #[error("verify with {0}: not an ed25519 did:key")]
    NotEd25519(Did),
}

/// A private key and the DID it signs for. Has no `Debug` and no `Serialize`, so that no secret is shown by accident;
/// its bytes are overwritten when it is dropped.
#[derive(Clone)]
pub struct Signer {
    key: SigningKey,
    did: Did,
    key_did: Did,
}

impl Signer {
    /// Makes the key of an RFC 8032 seed.
    ///
    /// # Panics
    /// Never: every seed has a key, and every key a did:key.
    #[must_use]
    pub fn from_seed(seed: [u8; 32]) -> Self {
        let seed = Zeroizing::new(seed);
        let key = SigningKey::from_bytes(&seed);
        let key_did = Did::from_bytes(&public_bytes(&key.verifying_key()))
            .expect("an ed25519 key has a did:key");
        Self {
            key,
            did: key_did.clone(),
            key_did,
        }
    }

    /// Makes a new key of the operating system's randomness.
    ///
    /// # Panics
    /// If the operating system has no random bytes to give.
    #[must_use]
    pub fn generate() -> Self {
        let mut seed = Zeroizing::new([0; 32]);
        getrandom::fill(&mut *seed).expect("the operating system gives random bytes");
        Self::from_seed(*seed)
    }

    /// Reads the text form `M…`: base64 with padding of [`Signer::archive_bytes`].
    ///
    /// # Errors
    /// The text is no `M` with base64 after it, or as [`Signer::from_archive_bytes`].
    pub fn parse(text: &str) -> Result<Self, KeyError> {
        let base64 = text.strip_prefix('M').ok_or(KeyError::Text)?;
        let bytes = Zeroizing::new(BASE64.decode(base64).map_err(|_| KeyError::Text)?);
        Self::from_archive_bytes(&bytes)
    }

    /// Reads [`Signer::archive_bytes`]. Checks that both halves belong together.
    ///
    /// # Errors
    /// The bytes are not a private and a public ed25519 key, or the halves do not belong together.
    pub fn from_archive_bytes(bytes: &[u8]) -> Result<Self, KeyError> {
        let (code, rest) = varint::read(bytes).ok_or(KeyError::Bytes)?;
        let (seed, public) = rest.split_at_checked(32).ok_or(KeyError::Bytes)?;
        let seed: Zeroizing<[u8; 32]> =
            Zeroizing::new(seed.try_into().map_err(|_| KeyError::Bytes)?);
        if code != ED25519_PRIVATE || public.len() != 34 {
            return Err(KeyError::Bytes);
        }
        let signer = Self::from_seed(*seed);
        if public_bytes(&signer.key.verifying_key()) == public {
            Ok(signer)
        } else {
            Err(KeyError::Halves)
        }
    }

    /// The text form `M…`. It is the secret.
    #[must_use]
    pub fn to_secret_text(&self) -> String {
        format!("M{}", BASE64.encode(Zeroizing::new(self.archive_bytes())))
    }

    /// The 68 bytes `80 26` seed `ed 01` public key. They are the secret.
    #[must_use]
    pub fn archive_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(68);
        varint::write(ED25519_PRIVATE, &mut bytes);
        bytes.extend_from_slice(self.key.as_bytes());
        bytes.extend_from_slice(&public_bytes(&self.key.verifying_key()));
        bytes
    }

    /// The same key, signing for another DID.
    #[must_use]
    pub fn with_did(mut self, did: Did) -> Self {
        self.did = did;
        self
    }

    /// The DID that is written as issuer.
    #[must_use]
    pub fn did(&self) -> &Did {
        &self.did
    }

    /// The did:key of the key itself.
    #[must_use]
    pub fn key_did(&self) -> &Did {
        &self.key_did
    }

    /// What others verify with, under [`Signer::did`].
    #[must_use]
    pub fn verifier(&self) -> Verifier {
        Verifier {
            key: self.key.verifying_key(),
            did: self.did.clone(),
        }
    }

    /// Signs bytes.
    #[must_use]
    pub fn sign(&self, payload: &[u8]) -> Signature {
        Signature::eddsa(&self.key.sign(payload).to_bytes())
    }
}

/// A public key and the DID it verifies for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verifier {
    key: VerifyingKey,
    did: Did,
}

impl Verifier {
    /// Takes the key out of an ed25519 did:key.
    ///
    /// # Errors
    /// The DID is no did:key of an ed25519 key.
    pub fn from_did(did: &Did) -> Result<Self, KeyError> {
        let no_key = || KeyError::NotEd25519(did.clone());
        let bytes = did.to_bytes();
        let (code, key) = varint::read(&bytes).ok_or_else(no_key)?;
        let key: &[u8; 32] = key.try_into().map_err(|_| no_key())?;
        if code != ED25519_PUBLIC || !did.is_key() {
            return Err(no_key());
        }
        let key = VerifyingKey::from_bytes(key).map_err(|_| no_key())?;
        Ok(Self {
            key,
            did: did.clone(),
        })
    }

    /// The same key, verifying for another DID.
    #[must_use]
    pub fn with_did(mut self, did: Did) -> Self {
        self.did = did;
        self
    }

    /// The DID that the key verifies for.
    #[must_use]
    pub fn did(&self) -> &Did {
        &self.did
    }

    /// The did:key of the key itself.
    ///
    /// # Panics
    /// Never: every key has a did:key.
    #[must_use]
    pub fn key_did(&self) -> Did {
        Did::from_bytes(&public_bytes(&self.key)).expect("an ed25519 key has a did:key")
    }

    /// Checks an ed25519 signature over `payload`; every other algorithm is no.
    #[must_use]
    pub fn verify(&self, payload: &[u8], signature: &Signature) -> bool {
        signature.code() == EDDSA
            && ed25519_dalek::Signature::from_slice(signature.raw())
                .is_ok_and(|raw| ed25519_dalek::Verifier::verify(&self.key, payload, &raw).is_ok())
    }
}

/// The 34 tagged bytes of a public key.
fn public_bytes(key: &VerifyingKey) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(34);
    varint::write(ED25519_PUBLIC, &mut bytes);
    bytes.extend_from_slice(key.as_bytes());
    bytes
}
