//! The upload service's abilities.

use std::collections::HashSet;

use async_trait::async_trait;
use cid::Cid;

use super::messages;
use super::state::Upload;
use super::{add, blobs, delegations, uploads};
use crate::proto::message::{Message, Receipt};
use crate::proto::validate::{Rule, derives_equal};
use crate::sandbox::dynamo::Row;
use crate::sandbox::layout::Table;
use crate::sandbox::network::Network;
use crate::sandbox::ucan_server::{Answer, Call, Party, UcanService};

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
