//! What the indexing service holds.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;

use super::record::Provider;
use crate::proto::ipni::{Multiaddr, PeerId, Port};
use crate::proto::multihash::Multihash;
use crate::sandbox::network::Network;
use crate::sandbox::service::Service;
use crate::sandbox::ucan_server::{Audiences, Dialect, Failure, Party};

/// Index archives kept in memory.
const INDEXES: usize = 1024;

/// The indexing service.
pub(super) struct Indexer {
    pub(super) network: Arc<Network>,
    pub(super) party: Party,
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
        (*gone > self.network.clock.now().0).then(|| archive.clone())
    }

    /// Remembers an index for the lifetime of indexes.
    pub(super) fn cache_index(&self, digest: &Multihash, archive: &Bytes) {
        let now = self.network.clock.now().0;
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

/// Milliseconds of a lifetime.
pub(super) fn millis(lifetime: std::time::Duration) -> u64 {
    u64::try_from(lifetime.as_millis()).unwrap_or(u64::MAX)
}
