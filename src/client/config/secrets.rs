//! Keys and proofs. Nothing here has a `Debug` that shows key material, and nothing is `Serialize`.

use zeroize::Zeroizing;

use crate::proto::key::Signer;
use crate::proto::ucan::Delegation;

/// What the migration signs with.
#[derive(Clone)]
pub struct Secrets {
    /// `MIGRATION_AGENT_PRIVATE_KEY`: a did:key that issues our invocations.
    pub migration: Signer,
    /// `UPLOAD_SERVICE_PRIVATE_KEY`, under the upload service's DID: issues location claims and attestations.
    pub upload_service: Signer,
    /// `GATEWAY_PRIVATE_KEY`, under the gateway's DID: attests account delegations.
    pub gateway: Signer,
    /// What others let us do.
    pub proofs: ProofSet,
    /// `MIGRATION_ENCRYPTION_KEY`: seals the keys of migration spaces.
    pub encryption: EncryptionKey,
}

/// Delegations to the migration key.
#[derive(Clone)]
pub struct ProofSet {
    /// `INDEXING_SERVICE_PROOF`: indexing service → migration key, `claim/cache`.
    pub indexing_service: Delegation,
}

/// An AES-256 key; overwritten when it is dropped.
#[derive(Clone)]
pub struct EncryptionKey(Zeroizing<[u8; 32]>);

impl EncryptionKey {
    /// Takes the 32 raw bytes.
    #[must_use]
    pub fn new(bytes: [u8; 32]) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// Gives the bytes to the sealing functions.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}
