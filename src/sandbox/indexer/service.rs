//! The indexing service's abilities.

use async_trait::async_trait;

use super::abilities::{assert_equals, assert_index, cache_claim};
use super::state::Indexer;
use crate::proto::validate::{Rule, derives_equal};
use crate::sandbox::network::Network;
use crate::sandbox::ucan_server::{Answer, Call, Party, UcanService};

#[async_trait]
impl UcanService for Indexer {
    fn network(&self) -> &Network {
        &self.network
    }

    fn party(&self) -> &Party {
        &self.party
    }

    fn rule(&self, can: &str) -> Option<Rule> {
        let can = ["claim/cache", "assert/index", "assert/equals"]
            .into_iter()
            .find(|known| *known == can)?;
        Some(Rule::new(can).derives(derives_equal))
    }

    async fn run(&self, call: Call) -> Answer {
        match call.capability.can.as_str() {
            "claim/cache" => cache_claim::cache(self, &call),
            "assert/index" => assert_index::publish(self, &call).await,
            _ => assert_equals::publish(self, &call).await,
        }
    }
}
