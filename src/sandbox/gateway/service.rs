//! The gateway's ability.

use async_trait::async_trait;

use super::delegate;
use super::state::Gateway;
use crate::proto::validate::{Rule, derives_equal};
use crate::sandbox::network::Network;
use crate::sandbox::ucan_server::{Answer, Call, Party, UcanService};

#[async_trait]
impl UcanService for Gateway {
    fn network(&self) -> &Network {
        &self.network
    }

    fn party(&self) -> &Party {
        &self.party
    }

    fn rule(&self, can: &str) -> Option<Rule> {
        (can == "access/delegate").then(|| Rule::new("access/delegate").derives(derives_equal))
    }

    async fn run(&self, call: Call) -> Answer {
        delegate::delegate(self, &call)
    }
}
