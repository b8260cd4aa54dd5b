//! Adverts on their way into IPNI.

use bytes::Bytes;

use crate::proto::multihash::Multihash;
use crate::sandbox::indexer::record::{Provider, Record};
use crate::sandbox::kv_store::Item;
use crate::sandbox::network::Network;

/// Bytes before a record in IPNI: the Unix millisecond from which on it is found.
const VISIBLE: usize = 8;

/// Tells IPNI that a provider knows something about some hashes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Advert {
    /// Who.
    pub provider: Provider,
    /// What the advert replaces.
    pub context: Vec<u8>,
    /// What the provider knows, encoded.
    pub metadata: Vec<u8>,
    /// About which hashes.
    pub digests: Vec<Multihash>,
}

impl Advert {
    /// Publishes it: found after the lifetime `advert` of the network. The same provider and context replace what was
    /// advertised about a hash.
    ///
    /// # Errors
    /// As [`Advert::publish_at`].
    pub fn publish(&self, network: &Network) -> std::io::Result<()> {
        let delay = u64::try_from(network.lifetimes.advert.as_millis()).unwrap_or(u64::MAX);
        self.publish_at(network, network.clock.now().0.saturating_add(delay))
    }

    /// Publishes it so that it is found from a Unix millisecond on.
    ///
    /// # Errors
    /// The file of the adverts cannot be written; this process knows the advert all the same.
    pub fn publish_at(&self, network: &Network, visible: u64) -> std::io::Result<()> {
        let record = self.record();
        let id = record.id();
        let value = Bytes::from([&visible.to_be_bytes()[..], &record.encode()].concat());
        let now = network.clock.now().0;
        let items = self
            .digests
            .iter()
            .map(|digest| (group(digest), value.clone()));
        // A record that says the same keeps its time: nothing new is advertised.
        let items = items.filter(|(group, value)| {
            network
                .shelf
                .get(group, &id, now)
                .is_none_or(|old| old[VISIBLE..] != value[VISIBLE..])
        });
        let items = items.map(|(group, value)| Item {
            group,
            id: id.clone(),
            value,
            expires: None,
        });
        network.shelf.put_all(items.collect())
    }

    /// The record that it makes for each of its hashes.
    pub(in crate::sandbox::indexer) fn record(&self) -> Record {
        Record {
            provider: self.provider.clone(),
            context: self.context.clone(),
            metadata: self.metadata.clone(),
        }
    }
}

/// What IPNI finds about a hash now.
pub(crate) fn found(network: &Network, digest: &Multihash) -> Vec<Record> {
    let now = network.clock.now().0;
    let items = network.shelf.list(&group(digest), now);
    let records = items.into_iter().filter_map(|(_, value)| {
        let visible = u64::from_be_bytes(*value.first_chunk::<VISIBLE>()?);
        if visible <= now {
            Record::decode(&value[VISIBLE..])
        } else {
            None
        }
    });
    records.collect()
}

fn group(digest: &Multihash) -> String {
    format!("ipni/{digest}")
}
