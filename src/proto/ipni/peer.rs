//! Peer ids: the multihash of a public key, in base58 without multibase letter.

use std::fmt;
use std::str::FromStr;

use multibase::Base;

use super::error::IpniError;
use crate::proto::Did;
use crate::proto::multihash::Multihash;

/// The protobuf before an ed25519 key: type 1, 32 bytes.
const ED25519: [u8; 4] = [0x08, 0x01, 0x12, 0x20];
/// The multicodec of an ed25519 public key, as in a did:key.
const DID_ED25519: [u8; 2] = [0xed, 0x01];

/// Who provides content.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PeerId(Multihash);

impl PeerId {
    /// The peer id of an ed25519 did:key.
    ///
    /// # Errors
    /// The DID is no did:key of an ed25519 key.
    pub fn of(did: &Did) -> Result<Self, IpniError> {
        let bytes = did.to_bytes();
        match bytes.strip_prefix(&DID_ED25519) {
            Some(key) if did.is_key() && key.len() == 32 => Ok(Self::of_key(key)),
            _ => Err(IpniError::NotKey(did.clone())),
        }
    }

    /// Reads text such as `12D3Koo…` or `Qm…`.
    ///
    /// # Errors
    /// The text is not base58 of a multihash.
    pub fn parse(text: &str) -> Result<Self, IpniError> {
        let bad = || IpniError::Peer(text.chars().take(80).collect());
        let bytes = Base::Base58Btc.decode(text).map_err(|_| bad())?;
        Multihash::from_bytes(&bytes).map(Self).map_err(|_| bad())
    }

    /// Reads the bytes of the multihash.
    ///
    /// # Errors
    /// The bytes are no multihash.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, IpniError> {
        Multihash::from_bytes(bytes)
            .map(Self)
            .map_err(|_| IpniError::Peer(format!("{} bytes", bytes.len())))
    }

    /// The multihash.
    #[must_use]
    pub fn hash(&self) -> &Multihash {
        &self.0
    }

    /// The did:key, if the peer id holds an ed25519 key.
    #[must_use]
    pub fn did(&self) -> Option<Did> {
        let key = (self.0.code() == crate::proto::multihash::IDENTITY).then(|| self.0.digest())?;
        let key = key.strip_prefix(&ED25519).filter(|key| key.len() == 32)?;
        Did::from_bytes(&[&DID_ED25519[..], key].concat()).ok()
    }

    fn of_key(key: &[u8]) -> Self {
        Self(Multihash::identity(&[&ED25519[..], key].concat()))
    }
}

impl fmt::Display for PeerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&Base::Base58Btc.encode(self.0.as_bytes()))
    }
}

impl FromStr for PeerId {
    type Err = IpniError;

    fn from_str(text: &str) -> Result<Self, IpniError> {
        Self::parse(text)
    }
}
