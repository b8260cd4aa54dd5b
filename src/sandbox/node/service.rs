//! The storage node's abilities.

use async_trait::async_trait;

use super::state::Node;
use super::{accept, allocate};
use crate::proto::validate::{Rule, derives_equal};
use crate::sandbox::network::Network;
use crate::sandbox::ucan_server::{Answer, Call, Failure, Party, UcanService};

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
