//! The key of a service, to check its receipts with.

use std::sync::Arc;

use serde::Deserialize;
use tokio::sync::OnceCell;
use tracing::warn;

use crate::client::calls::Calls;
use crate::client::http::{self, Http};
use crate::client::{Cause, Dependency, Error, Service};
use crate::proto::did::Did;
use crate::proto::key::Verifier;

const RESOLVE: &str = "read a service's DID document";
/// Largest document that is read.
const LARGEST: usize = 1 << 16;

/// Who a service is and with which keys it signs. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Identity {
    did: Did,
    known: Arc<OnceCell<Vec<Verifier>>>,
}

#[derive(Deserialize)]
struct Document {
    /// Always there in a document: JSON without it is something else, not a service without keys.
    id: String,
    #[serde(rename = "verificationMethod", default)]
    methods: Vec<Method>,
}

#[derive(Deserialize)]
struct Method {
    #[serde(rename = "publicKeyMultibase", default)]
    key: Option<String>,
}

impl Identity {
    /// A service whose key we hold.
    pub(crate) fn known(verifier: Verifier) -> Self {
        let did = verifier.did().clone();
        Self {
            did,
            known: Arc::new(OnceCell::new_with(Some(vec![verifier]))),
        }
    }

    /// A service that says its key itself: in its DID, or in the document at its address.
    pub(crate) fn resolved(did: Did) -> Self {
        let known = Verifier::from_did(&did).ok().map(|verifier| vec![verifier]);
        Self {
            did,
            known: Arc::new(OnceCell::new_with(known)),
        }
    }

    pub(crate) fn did(&self) -> &Did {
        &self.did
    }

    /// The keys of the service, asked for once. A service that publishes no document has none, which is said once in
    /// the log: its receipts are then as trustworthy as the connection they came over, and its claims do not count.
    pub(crate) async fn keys(
        &self,
        http: &Http,
        calls: &Calls,
        dependency: Dependency,
        service: &Service,
    ) -> Result<&[Verifier], Error> {
        let ask = || async {
            let attempt = || fetch(http, service);
            match calls.run(dependency, RESOLVE, attempt).await {
                Err(error) if error.cause == Cause::Missing => {
                    warn!(service = %service.did, "no DID document: what it signs cannot be checked");
                    Ok(Vec::new())
                }
                other => other,
            }
        };
        self.known.get_or_try_init(ask).await.map(Vec::as_slice)
    }
}

async fn fetch(http: &Http, service: &Service) -> Result<Vec<Verifier>, Cause> {
    let url = service
        .url
        .join("/.well-known/did.json")
        .map_err(|error| Cause::Address(error.to_string()))?;
    let response = http::check(
        http.follow(reqwest::Method::GET, url, "application/json")
            .await?,
    )
    .await?;
    let body = http::read(response, LARGEST).await?;
    let document: Document =
        serde_json::from_slice(&body).map_err(|error| Cause::Malformed(error.to_string()))?;
    Ok(verifiers(document, &service.did))
}

/// The keys of a document; none if it is the document of another.
fn verifiers(document: Document, did: &Did) -> Vec<Verifier> {
    if document.id != did.as_str() {
        return Vec::new();
    }
    let keys = document.methods.into_iter().filter_map(|method| method.key);
    keys.filter_map(|key| Verifier::from_did(&Did::parse(&format!("did:key:{key}")).ok()?).ok())
        .map(|verifier| verifier.with_did(did.clone()))
        .collect()
}
