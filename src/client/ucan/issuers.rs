//! The keys of those whose claims count, to check the claims with.

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::sync::OnceCell;
use tracing::warn;

use super::Identity;
use crate::client::calls::Calls;
use crate::client::http::Http;
use crate::client::{Cause, Dependency, Error, Network, Service};
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

    /// The keys of an issuer: none if it is not known, or if it publishes none.
    ///
    /// # Errors
    /// When the service could not be asked: its keys are then not known to be none.
    pub async fn keys(&self, issuer: &Did) -> Result<&[Verifier], Error> {
        let Some(party) = self.parties.get(issuer) else {
            return Ok(&[]);
        };
        let keys = party.keys.get_or_try_init(async || {
            let Some((dependency, service, identity)) = &party.published else {
                return Ok(Vec::new());
            };
            let asked = identity.keys(&self.http, &self.calls, *dependency, service);
            match asked.await {
                Ok(keys) => Ok(keys.to_vec()),
                Err(error) if is_outage(&error.cause) => Err(error),
                Err(error) => {
                    warn!(%issuer, %error, "it publishes no key that can be read: its claims do not count");
                    Ok(Vec::new())
                }
            }
        });
        keys.await.map(Vec::as_slice)
    }
}

/// Whether the service may answer later; an answer that is no DID document is an answer.
fn is_outage(cause: &Cause) -> bool {
    matches!(
        cause,
        Cause::Throttled { .. } | Cause::Unavailable { .. } | Cause::Timeout | Cause::Network(_)
    )
}

impl Party {
    fn of(keys: Vec<Verifier>) -> Self {
        Self {
            published: None,
            keys: OnceCell::new_with(Some(keys)),
        }
    }
}
