//! The keys of the local network: derived from one seed, so a restart has the same.

use aws_lc_rs::digest::{SHA256, digest};

use crate::proto::did::Did;
use crate::proto::key::Signer;
use crate::sandbox::config::SandboxError;

/// The upload service.
pub(crate) const UPLOAD_DID: &str = "did:web:up.sterna.test";
/// The indexing service.
pub(crate) const INDEXER_DID: &str = "did:web:indexer.sterna.test";
/// The gateway.
pub(crate) const GATEWAY_DID: &str = "did:web:gateway.sterna.test";
/// The storage node.
pub(crate) const NODE_DID: &str = "did:web:storage.sterna.test";
/// The claims service.
pub(crate) const CLAIMS_DID: &str = "did:web:claims.sterna.test";

/// Every key of the local network. Services are known by a did:web; `key_did` is the did:key.
pub struct Keys {
    /// The upload service.
    pub upload: Signer,
    /// The storage node of the blob protocol.
    pub node: Signer,
    /// The storage node of the store protocol (a peer id only).
    pub store_node: Signer,
    /// The indexing service.
    pub indexer: Signer,
    /// The gateway.
    pub gateway: Signer,
    /// The claims service.
    pub claims: Signer,
    /// The agent that migrates; it has no did:web.
    pub migration: Signer,
    /// The 32 bytes under which migration-space keys are sealed.
    pub encryption: [u8; 32],
}

impl Keys {
    /// The keys that belong to `seed`.
    ///
    /// # Errors
    /// None in practice: the DIDs are fixed and valid.
    pub fn from_seed(seed: u64) -> Result<Self, SandboxError> {
        Ok(Self {
            upload: alias(seed, "upload", UPLOAD_DID)?,
            node: alias(seed, "node", NODE_DID)?,
            store_node: Signer::from_seed(derive(seed, "store-node")),
            indexer: alias(seed, "indexer", INDEXER_DID)?,
            gateway: alias(seed, "gateway", GATEWAY_DID)?,
            claims: alias(seed, "claims", CLAIMS_DID)?,
            migration: Signer::from_seed(derive(seed, "migration")),
            encryption: derive(seed, "encryption"),
        })
    }

    /// The signer of a did:web of this network, by its DID.
    #[must_use]
    pub fn of(&self, did: &Did) -> Option<&Signer> {
        [
            &self.upload,
            &self.node,
            &self.indexer,
            &self.gateway,
            &self.claims,
        ]
        .into_iter()
        .find(|signer| signer.did() == did)
    }
}

fn alias(seed: u64, label: &str, did: &str) -> Result<Signer, SandboxError> {
    let did = Did::parse(did).map_err(|error| SandboxError::Proof {
        what: "a DID",
        reason: error.to_string(),
    })?;
    Ok(Signer::from_seed(derive(seed, label)).with_did(did))
}

/// 32 bytes that depend on the seed and a label and on nothing else.
#[must_use]
pub fn derive(seed: u64, label: &str) -> [u8; 32] {
    let text = format!("sterna local network/{seed}/{label}");
    let mut bytes = [0; 32];
    bytes.copy_from_slice(digest(&SHA256, text.as_bytes()).as_ref());
    bytes
}
