//! The storage node's abilities.

use std::sync::Arc;

use async_trait::async_trait;

use super::{accept, allocate};
use crate::proto::Signer;
use crate::proto::ucan::{Capability, Delegation, Draft};
use crate::proto::validate::{Rule, derives_equal};
use crate::sandbox::config::Error;
use crate::sandbox::network::Network;
use crate::sandbox::ucan_server::{Answer, Audiences, Call, Dialect, Failure, Party, UcanService};

/// The storage node.
pub(super) struct Node {
    pub(super) network: Arc<Network>,
    /// The indexing service lets this node call `claim/cache`.
    pub(super) may_cache: Delegation,
    party: Party,
}

impl Node {
    /// Makes the node with the proof that the indexing service gave it. It is known by its did:key, which its claims
    /// need; invocations may be addressed to its did:web too.
    pub(super) fn new(network: Arc<Network>) -> Result<Self, Error> {
        let keys = &network.keys;
        let signer = keys.node.clone().with_did(keys.node.key_did().clone());
        let may_cache = Draft::new(&keys.indexer, signer.did())
            .capability(Capability::new("claim/cache", keys.indexer.did().as_str()))
            .sign()
            .map_err(|error| Error::Proof {
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

#[async_trait]
impl UcanService for Node {
    fn network(&self) -> &Network {
        &self.network
    }

    fn party(&self) -> &Party {
        &self.party
    }

    fn rule(&self, can: &str) -> Option<Rule> {
        let can = ["blob/allocate", "blob/accept"]
            .into_iter()
            .find(|known| *known == can)?;
        Some(Rule::new(can).derives(derives_equal))
    }

    async fn run(&self, call: Call) -> Answer {
        if call.subject()? != *self.signer().did() {
            let message = format!("{} is not this storage node", call.capability.with);
            return Err(Failure::named("UnsupportedCapability", &message));
        }
        match call.capability.can.as_str() {
            "blob/allocate" => allocate::allocate(self, &call),
            _ => accept::accept(self, &call).await,
        }
    }
}
