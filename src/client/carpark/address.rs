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
    /// Carparks beside these, in the order in which they are asked.
    others: Vec<Url>,
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
        let all = network.carpark.all.iter();
        let others: Vec<Url> = all
            .filter(|url| **url != blob || **url != store)
            .cloned()
            .collect();
        let node = &network.storage_node.service.url;
        let bases = [&blob, &store, node].into_iter().chain(&others);
        Self {
            expected: bases.map(Url::origin).collect(),
            blob,
            store,
            others,
        }
    }

    /// Of one carpark.
    #[cfg(test)]
    pub(super) fn of_one(base: Url) -> Self {
        Self {
            expected: vec![base.origin()],
            store: base.clone(),
            blob: base,
            others: Vec::new(),
        }
    }

    /// Every URL at which a shard may lie in the carparks: those of the first carpark before those of the next, and in
    /// each the layout `first` before the other.
    #[must_use]
    pub fn all(&self, shard: &Multihash, first: Layout) -> Vec<(Url, Layout)> {
        let layouts = [first, first.other()];
        let own = layouts
            .into_iter()
            .filter_map(|layout| Some((self.of(shard, layout)?, layout)));
        let mut all: Vec<(Url, Layout)> = own.collect();
        for base in &self.others {
            for layout in layouts {
                let url = under(base, shard, layout);
                let is_new = |url: &Url| all.iter().all(|(known, _)| known != url);
                if let Some(url) = url.filter(is_new) {
                    all.push((url, layout));
                }
            }
        }
        all
    }

    /// URL of a shard under a layout. `None` if its digest cannot be a CID or the base is not an HTTP address.
    #[must_use]
    pub fn of(&self, shard: &Multihash, layout: Layout) -> Option<Url> {
        let base = match layout {
            Layout::Blob => &self.blob,
            Layout::Store => &self.store,
        };
        under(base, shard, layout)
    }

    /// The layout under which a URL is this shard's own address in the carpark.
    #[must_use]
    pub fn layout_of(&self, url: &Url, shard: &Multihash) -> Option<Layout> {
        let all = self.all(shard, Layout::Blob).into_iter();
        let mut all = all.filter(|(own, _)| own == url);
        all.next().map(|(_, layout)| layout)
    }

    /// Whether content may be fetched from a URL: same scheme, host and port as a carpark or the storage node.
    #[must_use]
    pub fn expects(&self, url: &Url) -> bool {
        matches!(url.scheme(), "http" | "https") && self.expected.contains(&url.origin())
    }

    /// Whether a URL belongs to a carpark.
    #[must_use]
    pub fn is_carpark(&self, url: &Url) -> bool {
        [&self.blob, &self.store]
            .into_iter()
            .chain(&self.others)
            .any(|base| base.origin() == url.origin())
    }
}

/// URL of a shard in a carpark.
fn under(base: &Url, shard: &Multihash, layout: Layout) -> Option<Url> {
    let (name, ending) = match layout {
        Layout::Blob => (shard.base58(), "blob"),
        Layout::Store => (shard.cid(codec::CAR).ok()?.to_string(), "car"),
    };
    let mut url = base.clone();
    url.path_segments_mut()
        .ok()?
        .pop_if_empty()
        .push(&name)
        .push(&format!("{name}.{ending}"));
    Some(url)
}
