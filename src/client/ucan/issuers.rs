//! The keys of those whose claims count, to check the claims with.

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::sync::OnceCell;
use tracing::warn;

use super::Identity;
use crate::client::calls::Calls;
use crate::client::http::Http;
use crate::client::{Dependency, Network, Service};
use crate::proto::did::Did;
use crate::proto::key::Verifier;

/// Who may issue claims under a did:web, and with which keys they sign. Cheap to clone.
///
/// A DID document is asked for once, when the first claim of its DID is met, and only at the configured address of a
/// service. The network's providers sign with the upload service's key (protocol: claims §6).
#[derive(Clone, Debug)]
pub struct Issuers {
    http: Http,
    calls: Calls,
    parties: Arc<BTreeMap<Did, Party>>,
}

#[derive(Debug)]
struct Party {
    /// Where the keys are published; nothing for keys that we hold.
    published: Option<(Dependency, Service, Identity)>,
    keys: OnceCell<Vec<Verifier>>,
}

impl Issuers {
    pub(crate) fn new(
        http: Http,
        calls: Calls,
        network: &Network,
        upload_service: &Verifier,
    ) -> Self {
        let mut parties = BTreeMap::new();
        for (dependency, service) in [
            (Dependency::ClaimsService, &network.claims_service),
            (Dependency::StorageNode, &network.storage_node.service),
        ] {
            let identity = Identity::resolved(service.did.clone());
            let published = Some((dependency, service.clone(), identity));
            let keys = OnceCell::new();
            parties.insert(service.did.clone(), Party { published, keys });
        }
        for provider in &network.storage_providers {
            let keys = vec![upload_service.clone().with_did(provider.clone())];
            parties.entry(provider.clone()).or_insert(Party::of(keys));
        }
        let own = Party::of(vec![upload_service.clone()]);
        parties.insert(upload_service.did().clone(), own);
        Self {
            http,
            calls,
            parties: Arc::new(parties),
        }
    }

    /// The keys of an issuer: none if it is not known, or its keys cannot be read.
    pub async fn keys(&self, issuer: &Did) -> &[Verifier] {
        let Some(party) = self.parties.get(issuer) else {
            return &[];
        };
        party
            .keys
            .get_or_init(async || match &party.published {
                Some((dependency, service, identity)) => {
                    let keys = identity.keys(&self.http, &self.calls, *dependency, service);
                    let keys = keys.await.map(<[Verifier]>::to_vec);
                    keys.unwrap_or_else(|error| {
                        warn!(%issuer, %error, "its key cannot be read: its claims do not count");
                        Vec::new()
                    })
                }
                None => Vec::new(),
            })
            .await
    }
}

impl Party {
    fn of(keys: Vec<Verifier>) -> Self {
        Self {
            published: None,
            keys: OnceCell::new_with(Some(keys)),
        }
    }
}
