//! What the storage node holds.

use std::sync::Arc;

use crate::proto::Signer;
use crate::proto::ucan::{Capability, Delegation, Draft};
use crate::sandbox::config::SandboxError;
use crate::sandbox::network::Network;
use crate::sandbox::ucan_server::{Audiences, Dialect, Party};

/// The storage node.
pub(super) struct Node {
    pub(super) network: Arc<Network>,
    /// The indexing service lets this node call `claim/cache`.
    pub(super) may_cache: Delegation,
    pub(super) party: Party,
}

impl Node {
    /// Makes the node with the proof that the indexing service gave it. It is known by its did:key, which its claims
    /// need; invocations may be addressed to its did:web too.
    pub(super) fn new(network: Arc<Network>) -> Result<Self, SandboxError> {
        let keys = &network.keys;
        let signer = keys.node.clone().with_did(keys.node.key_did().clone());
        let may_cache = Draft::new(&keys.indexer, signer.did())
            .capability(Capability::new("claim/cache", keys.indexer.did().as_str()))
            .sign()
            .map_err(|error| SandboxError::Proof {
                what: "the storage node's proof",
                reason: error.to_string(),
            })?;
        let party = Party {
            signer,
            audiences: Audiences::Also(vec![keys.node.did().clone()]),
            proofs: Vec::new(),
            dialect: Dialect::Go,
        };
        Ok(Self {
            network,
            may_cache,
            party,
        })
    }

    /// The key that signs claims, under its did:key.
    pub(super) fn signer(&self) -> &Signer {
        &self.party.signer
    }
}
