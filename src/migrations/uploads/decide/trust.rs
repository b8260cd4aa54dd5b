//! Whom to believe about where content lies.

use std::collections::BTreeSet;

use url::Url;

use crate::client::Addresses;
use crate::migrations::uploads::find::Shard;
use crate::proto::did::Did;

/// Issuers and addresses that count (docs/protocol/pitfalls.md 18).
#[derive(Clone, Debug)]
pub struct Trust {
    /// Addresses of the carpark and the origins content may come from.
    pub addresses: Addresses,
    /// DIDs whose location claims count.
    pub issuers: BTreeSet<Did>,
    /// The upload service, by which we issue claims ourselves.
    pub upload_service: Did,
}

impl Trust {
    /// Whether a URL is a right place for a shard: an expected origin, and in the carpark the shard's own address.
    #[must_use]
    pub fn is_place_of(&self, text: &str, shard: &Shard) -> bool {
        let Ok(url) = Url::parse(text) else {
            return false;
        };
        if self.addresses.is_carpark(&url) {
            return self.addresses.layout_of(&url, &shard.hash).is_some() || names(&url, shard);
        }
        self.addresses.expects(&url)
    }
}

/// Older objects lie under other endings, but always under a name of the shard.
fn names(url: &Url, shard: &Shard) -> bool {
    url.path().contains(&shard.hash.base58()) || url.path().contains(&shard.cid.to_string())
}
