//! Where a shard lies, and which addresses are expected at all.

use url::{Origin, Url};

use crate::client::{Network, Protocol};
use crate::proto::multihash::{Multihash, codec};

/// How an object's path is made of its hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Layout {
    /// `{mh}/{mh}.blob`.
    Blob,
    /// `{cid}/{cid}.car`.
    Store,
}

impl From<Protocol> for Layout {
    fn from(protocol: Protocol) -> Self {
        match protocol {
            Protocol::Blob => Self::Blob,
            Protocol::Store => Self::Store,
        }
    }
}

impl Layout {
    /// The other layout, tried when an object is not at its own.
    #[must_use]
    pub const fn other(self) -> Self {
        match self {
            Self::Blob => Self::Store,
            Self::Store => Self::Blob,
        }
    }
}

/// The public addresses of the carpark, and the origins from which content is fetched at all.
#[derive(Clone, Debug)]
pub struct Addresses {
    blob: Url,
    store: Url,
    expected: Vec<Origin>,
}

impl Addresses {
    /// The addresses of a network.
    #[must_use]
    pub fn new(network: &Network) -> Self {
        let (blob, store) = (
            network.carpark.blob_url.clone(),
            network.carpark.store_url.clone(),
        );
        let node = &network.storage_node.service.url;
        Self {
            expected: vec![blob.origin(), store.origin(), node.origin()],
            blob,
            store,
        }
    }

    /// URL of a shard under a layout. `None` if its digest cannot be a CID or the base is no HTTP address.
    #[must_use]
    pub fn of(&self, shard: &Multihash, layout: Layout) -> Option<Url> {
        let (base, name, ending) = match layout {
            Layout::Blob => (&self.blob, shard.base58(), "blob"),
            Layout::Store => (&self.store, shard.cid(codec::CAR).ok()?.to_string(), "car"),
        };
        let mut url = base.clone();
        url.path_segments_mut()
            .ok()?
            .pop_if_empty()
            .push(&name)
            .push(&format!("{name}.{ending}"));
        Some(url)
    }

    /// The layout under which a URL is this shard's own address in the carpark.
    #[must_use]
    pub fn layout_of(&self, url: &Url, shard: &Multihash) -> Option<Layout> {
        [Layout::Blob, Layout::Store]
            .into_iter()
            .find(|layout| self.of(shard, *layout).as_ref() == Some(url))
    }

    /// Whether content may be fetched from a URL: same scheme, host and port as the carpark or the storage node.
    #[must_use]
    pub fn expects(&self, url: &Url) -> bool {
        matches!(url.scheme(), "http" | "https") && self.expected.contains(&url.origin())
    }

    /// Whether a URL belongs to the carpark itself.
    #[must_use]
    pub fn is_carpark(&self, url: &Url) -> bool {
        [&self.blob, &self.store]
            .iter()
            .any(|base| base.origin() == url.origin())
    }
}
