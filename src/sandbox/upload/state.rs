//! What the upload service holds.

use std::sync::Arc;

use crate::proto::Did;
use crate::proto::ucan::{Capability, Delegation, Draft};
use crate::sandbox::config::SandboxError;
use crate::sandbox::network::Network;
use crate::sandbox::ucan_server::{Audiences, Dialect, Party};

/// The upload service.
pub(super) struct Upload {
    pub(super) network: Arc<Network>,
    pub(super) http: reqwest::Client,
    /// The storage node's own DID.
    pub(super) node: Did,
    /// The node lets this service call `blob/allocate`.
    pub(super) may_allocate: Delegation,
    /// The node lets this service call `blob/accept`.
    pub(super) may_accept: Delegation,
    /// The indexing service lets this service call `assert/index`.
    pub(super) may_index: Delegation,
    pub(super) party: Party,
}

impl Upload {
    /// Makes the service with the proofs it was given by its neighbours.
    pub(super) fn new(network: Arc<Network>) -> Result<Self, SandboxError> {
        let keys = &network.keys;
        let node = keys.node.clone().with_did(keys.node.key_did().clone());
        let grant = |from, can: &str, with: &Did| {
            Draft::new(from, keys.upload.did())
                .capability(Capability::new(can, with.as_str()))
                .sign()
                .map_err(|error| SandboxError::Proof {
                    what: "a proof for the upload service",
                    reason: error.to_string(),
                })
        };
        Ok(Self {
            http: network.http.clone(),
            may_allocate: grant(&node, "blob/allocate", node.did())?,
            may_accept: grant(&node, "blob/accept", node.did())?,
            may_index: grant(&keys.indexer, "assert/index", keys.indexer.did())?,
            node: node.did().clone(),
            party: Party {
                signer: keys.upload.clone(),
                audiences: Audiences::Also(vec![keys.upload.key_did().clone()]),
                proofs: Vec::new(),
                dialect: Dialect::Js,
            },
            network,
        })
    }
}
