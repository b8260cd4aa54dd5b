//! The upload service's abilities.

use std::collections::HashSet;
use std::sync::Arc;

use async_trait::async_trait;
use cid::Cid;

use super::messages;
use super::{add, blobs, delegations, uploads};
use crate::proto::Did;
use crate::proto::message::{Message, Receipt};
use crate::proto::ucan::{Capability, Delegation, Draft};
use crate::proto::validate::{Rule, derives_equal};
use crate::sandbox::config::Error;
use crate::sandbox::dynamo::Row;
use crate::sandbox::layout::Table;
use crate::sandbox::network::Network;
use crate::sandbox::ucan_server::{Answer, Audiences, Call, Dialect, Party, UcanService};

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
    party: Party,
}

impl Upload {
    /// Makes the service with the proofs it was given by its neighbours.
    pub(super) fn new(network: Arc<Network>) -> Result<Self, Error> {
        let keys = &network.keys;
        let node = keys.node.clone().with_did(keys.node.key_did().clone());
        let grant = |from, can: &str, with: &Did| {
            Draft::new(from, keys.upload.did())
                .capability(Capability::new(can, with.as_str()))
                .sign()
                .map_err(|error| Error::Proof {
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

#[async_trait]
impl UcanService for Upload {
    fn network(&self) -> &Network {
        &self.network
    }

    fn party(&self) -> &Party {
        &self.party
    }

    fn rule(&self, can: &str) -> Option<Rule> {
        let known = [
            "space/blob/add",
            "space/blob/remove",
            "space/blob/list",
            "space/blob/get/0/1",
            "space/index/add",
            "ucan/conclude",
            "ucan/revoke",
            "upload/add",
            "upload/get",
            "upload/list",
            "upload/remove",
            "access/claim",
            "access/delegate",
            "filecoin/offer",
        ];
        let can = known.into_iter().find(|known| *known == can)?;
        Some(Rule::new(can).derives(derives_equal))
    }

    async fn run(&self, call: Call) -> Answer {
        match call.capability.can.as_str() {
            "space/blob/add" => add::blob::add(self, &call).await,
            "space/blob/remove" => blobs::remove(self, &call).await,
            "space/blob/list" => blobs::list(self, &call).await,
            "space/blob/get/0/1" => blobs::get(self, &call).await,
            "space/index/add" => add::index::add(self, &call).await,
            "ucan/conclude" => add::conclude::conclude(self, &call).await,
            "ucan/revoke" => delegations::revoke(self, &call).await,
            "upload/add" => uploads::add(self, &call).await,
            "upload/get" => uploads::get(self, &call).await,
            "upload/list" => uploads::list(self, &call).await,
            "upload/remove" => uploads::remove(self, &call).await,
            "access/claim" => delegations::claim(self, &call).await,
            "access/delegate" => delegations::delegate(self, &call).await,
            _ => uploads::offer(&call),
        }
    }

    async fn received(&self, message: &Message) -> Result<(), String> {
        messages::store(&self.network, message)
            .await
            .map_err(|error| error.to_string())
    }

    async fn known(&self, invocation: &Cid) -> Option<Receipt> {
        messages::receipt(&self.network, invocation)
            .await
            .ok()
            .flatten()
    }

    async fn answered(&self, reply: &Message) -> Result<(), String> {
        messages::store(&self.network, reply)
            .await
            .map_err(|error| error.to_string())
    }

    async fn revoked(&self, delegations: &[Cid]) -> HashSet<Cid> {
        let mut revoked = HashSet::new();
        for delegation in delegations {
            let key = Row::new().text("revoke", delegation.to_string());
            if let Ok(Some(_)) = self.network.db.get(Table::Revocation, key).await {
                revoked.insert(*delegation);
            }
        }
        revoked
    }
}
