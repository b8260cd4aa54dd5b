//! The keys of those whose claims count, to check the claims with.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{Identity, Keys};
use crate::client::calls::Calls;
use crate::client::http::Http;
use crate::client::{ClientError, Dependency, Network, Service};
use crate::proto::did::Did;
use crate::proto::key::Verifier;

/// Who may issue claims under a did:web, and with which keys they sign. Cheap to clone.
///
/// A DID document is asked for when the first claim of its DID is met, again when a signature does not fit, and only
/// at the configured address of a service. The network's providers sign with the upload service's key
/// (docs/protocol/claims.md §6).
#[derive(Clone, Debug)]
pub struct Issuers {
    http: Http,
    calls: Calls,
    parties: Arc<BTreeMap<Did, Party>>,
}

/// Where the keys of an issuer come from.
#[derive(Debug)]
enum Party {
    /// We hold them.
    Held(Keys),
    /// The issuer publishes them.
    Published(Dependency, Service, Identity),
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
            let identity = Identity::resolved(service);
            let party = Party::Published(dependency, service.clone(), identity);
            parties.insert(service.did.clone(), party);
        }
        let pinned = network.upload_service.keys.iter();
        let pinned = pinned.filter(|key| *key != upload_service);
        let keys: Vec<&Verifier> = std::iter::once(upload_service).chain(pinned).collect();
        let under = |did: &Did| -> Keys {
            let keys = keys.iter().copied().cloned();
            keys.map(|key| key.with_did(did.clone())).collect()
        };
        for provider in &network.storage_providers {
            let party = Party::Held(under(provider));
            parties.entry(provider.clone()).or_insert(party);
        }
        let own = upload_service.did();
        parties.insert(own.clone(), Party::Held(under(own)));
        Self {
            http,
            calls,
            parties: Arc::new(parties),
        }
    }

    /// The keys of an issuer: its own if it is a did:key; none if it is not known, or if it publishes none.
    ///
    /// # Errors
    /// When the service could not be asked, or answered with something else than its document: its keys are then not
    /// known to be none.
    pub async fn keys(&self, issuer: &Did) -> Result<Keys, ClientError> {
        match self.parties.get(issuer) {
            None => Ok(Verifier::from_did(issuer).into_iter().collect()),
            Some(Party::Held(keys)) => Ok(Arc::clone(keys)),
            Some(Party::Published(dependency, service, identity)) => {
                let asked = identity.keys(&self.http, &self.calls, *dependency, service);
                asked.await
            }
        }
    }

    /// Other keys of an issuer than those `seen`, with which what it signed does not fit; none if it has no others.
    ///
    /// # Errors
    /// As [`Issuers::keys`].
    pub async fn other_keys(&self, issuer: &Did, seen: &Keys) -> Result<Option<Keys>, ClientError> {
        match self.parties.get(issuer) {
            None | Some(Party::Held(_)) => Ok(None),
            Some(Party::Published(dependency, service, identity)) => {
                let asked =
                    identity.other_keys(&self.http, &self.calls, *dependency, service, seen);
                asked.await
            }
        }
    }
}
