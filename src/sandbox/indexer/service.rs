//! The indexing service's abilities.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use bytes::Bytes;

use super::abilities::{assert_equals, assert_index, cache_claim};
use super::lookup::millis;
use crate::proto::ipni::{Multiaddr, PeerId, Port};
use crate::proto::multihash::Multihash;
use crate::proto::validate::{Rule, derives_equal};
use crate::sandbox::network::Network;
use crate::sandbox::service::Service;
use crate::sandbox::ucan_server::{Answer, Audiences, Call, Dialect, Failure, Party, UcanService};

use super::record::Provider;

/// Index archives kept in memory.
const INDEXES: usize = 1024;

/// The indexing service.
pub(super) struct Indexer {
    pub(super) network: Arc<Network>,
    party: Party,
    /// Archives with the Unix millisecond they are forgotten at.
    indexes: Mutex<HashMap<Multihash, (Bytes, u64)>>,
}

impl Indexer {
    pub(super) fn new(network: Arc<Network>) -> Self {
        let keys = &network.keys;
        let party = Party {
            signer: keys.indexer.clone(),
            audiences: Audiences::Also(vec![keys.indexer.key_did().clone()]),
            proofs: Vec::new(),
            dialect: Dialect::Go,
        };
        Self {
            party,
            indexes: Mutex::default(),
            network,
        }
    }

    /// This service as provider of its own claims.
    pub(super) fn provider(&self) -> Result<Provider, Failure> {
        let url = format!("{}/claim/{{claim}}", self.network.urls.of(Service::Indexer));
        let address =
            Multiaddr::from_url(&url, Port::AsGiven).map_err(|error| Failure::thrown(&error))?;
        let peer = PeerId::of(self.network.keys.indexer.key_did())
            .map_err(|error| Failure::thrown(&error))?;
        Ok(Provider {
            peer,
            addresses: vec![address],
        })
    }

    /// An index that was fetched before.
    pub(super) fn cached_index(&self, digest: &Multihash) -> Option<Bytes> {
        let indexes = self.indexes.lock().unwrap_or_else(PoisonError::into_inner);
        let (archive, gone) = indexes.get(digest)?;
        (*gone > self.network.clock.unix_ms()).then(|| archive.clone())
    }

    /// Remembers an index for the lifetime of indexes.
    pub(super) fn cache_index(&self, digest: &Multihash, archive: &Bytes) {
        let now = self.network.clock.unix_ms();
        let gone = now.saturating_add(millis(self.network.lifetimes.indexes));
        let mut indexes = self.indexes.lock().unwrap_or_else(PoisonError::into_inner);
        if indexes.len() >= INDEXES {
            indexes.retain(|_, (_, gone)| *gone > now);
        }
        if indexes.len() >= INDEXES {
            indexes.clear();
        }
        indexes.insert(digest.clone(), (archive.clone(), gone));
    }
}

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
