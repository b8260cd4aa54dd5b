//! The key of a service, to check its receipts with.

use std::sync::Arc;

use serde::Deserialize;
use tokio::sync::Mutex;
use tracing::{info, warn};

use crate::client::calls::Calls;
use crate::client::error::excerpt;
use crate::client::http::{self, Http};
use crate::client::{Cause, ClientError, Dependency, Service};
use crate::proto::did::Did;
use crate::proto::key::Verifier;
use crate::runtime::Instant;

const RESOLVE: &str = "read a service's DID document";
/// Largest document that is read.
const LARGEST: usize = 1 << 16;
/// After a document was read again in vain it is not read again for so long: whoever forges signatures decides nothing.
const AGAIN: std::time::Duration = std::time::Duration::from_mins(1);

/// The keys with which a service signs, as they were known at one time.
pub type Keys = Arc<[Verifier]>;

/// Who a service is and with which keys it signs. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Identity {
    did: Did,
    /// Whether its receipts count if it publishes no keys.
    unverified: bool,
    known: Arc<Mutex<Known>>,
}

/// What is known of the keys of a service.
#[derive(Debug)]
enum Known {
    /// They follow from its DID, the settings name them, or we hold them ourselves.
    Fixed(Keys),
    /// Its document was not read so far.
    Unread,
    /// Its document said so, and said nothing else when it was read again at a time.
    Read(Keys, Option<Instant>),
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
    /// A service whose key we hold, beside those that the settings name.
    pub(crate) fn known(verifier: &Verifier, service: &Service) -> Self {
        let others = service.keys.iter().filter(|key| *key != verifier);
        let mut keys = vec![verifier.clone()];
        keys.extend(others.cloned());
        Self::of(service, Known::Fixed(keys.into()))
    }

    /// A service whose keys the settings name, or that says them itself: in its DID, or in the document at its address.
    pub(crate) fn resolved(service: &Service) -> Self {
        let known = match Verifier::from_did(&service.did) {
            _ if !service.keys.is_empty() => Known::Fixed(service.keys.clone().into()),
            Ok(verifier) => Known::Fixed([verifier].into()),
            Err(_) => Known::Unread,
        };
        Self::of(service, known)
    }

    fn of(service: &Service, known: Known) -> Self {
        Self {
            did: service.did.clone(),
            unverified: false,
            known: Arc::new(Mutex::new(known)),
        }
    }

    /// The same, whose receipts may count without keys to check them with.
    pub(crate) fn unverified(self, unverified: bool) -> Self {
        Self { unverified, ..self }
    }

    pub(crate) fn did(&self) -> &Did {
        &self.did
    }

    /// As [`Identity::keys`], to check receipts with.
    ///
    /// # Errors
    /// Also when the service publishes no keys, and receipts are not to count without them.
    pub(crate) async fn receipt_keys(
        &self,
        http: &Http,
        calls: &Calls,
        dependency: Dependency,
        service: &Service,
    ) -> Result<Keys, ClientError> {
        let keys = self.keys(http, calls, dependency, service).await?;
        if keys.is_empty() && !self.unverified {
            let none = format!(
                "{} publishes no DID document (404), so that its receipts cannot be checked: name its did:key in {}, or \
                 do without by --allow-unverified-receipts",
                self.did,
                setting(dependency),
            );
            return Err(Cause::Setting(none).at(dependency, RESOLVE));
        }
        Ok(keys)
    }

    /// The keys of the service, asked for when they are needed first. A service that publishes no document has none,
    /// which is said once in the log: its receipts are then as trustworthy as the connection they came over, and its
    /// claims do not count.
    ///
    /// # Errors
    /// When the document could not be read, whatever came instead: that is no word of the service about its keys.
    pub(crate) async fn keys(
        &self,
        http: &Http,
        calls: &Calls,
        dependency: Dependency,
        service: &Service,
    ) -> Result<Keys, ClientError> {
        let mut known = self.known.lock().await;
        match &*known {
            Known::Fixed(keys) | Known::Read(keys, _) => return Ok(Arc::clone(keys)),
            Known::Unread => {}
        }
        let keys = ask(http, calls, dependency, service).await?;
        if keys.is_empty() {
            warn!(service = %service.did, "no DID document: what it signs cannot be checked");
        }
        *known = Known::Read(Arc::clone(&keys), None);
        Ok(keys)
    }

    /// Other keys than those `seen`, with which a signature does not fit: the service may have changed them since. None
    /// when it has not, or was asked just now.
    ///
    /// # Errors
    /// As [`Identity::keys`].
    pub(crate) async fn other_keys(
        &self,
        http: &Http,
        calls: &Calls,
        dependency: Dependency,
        service: &Service,
        seen: &Keys,
    ) -> Result<Option<Keys>, ClientError> {
        let mut known = self.known.lock().await;
        let in_vain = match &*known {
            Known::Read(keys, _) if !same(keys, seen) => return Ok(Some(Arc::clone(keys))),
            Known::Read(_, at) => *at,
            Known::Fixed(_) | Known::Unread => return Ok(None),
        };
        if in_vain.is_some_and(|at| at.elapsed() < AGAIN) {
            return Ok(None);
        }
        let keys = ask(http, calls, dependency, service).await?;
        if same(&keys, seen) || keys.is_empty() {
            *known = Known::Read(Arc::clone(seen), Some(Instant::now()));
            return Ok(None);
        }
        info!(service = %service.did, "it signs with another key now");
        *known = Known::Read(Arc::clone(&keys), None);
        Ok(Some(keys))
    }
}

/// The setting that names the keys of a service.
fn setting(dependency: Dependency) -> &'static str {
    match dependency {
        Dependency::UploadService => "UPLOAD_SERVICE_PUBLIC_KEYS",
        Dependency::Gateway => "GATEWAY_SERVICE_PUBLIC_KEYS",
        Dependency::ClaimsService => "CLAIMS_SERVICE_PUBLIC_KEYS",
        Dependency::StorageNode => "PIRI_SERVICE_PUBLIC_KEYS",
        _ => "INDEXING_SERVICE_PUBLIC_KEYS",
    }
}

fn same(one: &Keys, other: &Keys) -> bool {
    let dids = |keys: &Keys| -> Vec<Did> { keys.iter().map(Verifier::key_did).collect() };
    dids(one) == dids(other)
}

/// The keys in the document of a service; none if it has no document.
async fn ask(
    http: &Http,
    calls: &Calls,
    dependency: Dependency,
    service: &Service,
) -> Result<Keys, ClientError> {
    match calls
        .run(dependency, RESOLVE, || fetch(http, service))
        .await
    {
        Err(error) if error.cause == Cause::Missing => Ok(Keys::from([])),
        other => other.map(Keys::from),
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
    verifiers(document, &service.did)
}

/// The keys of a document. That of another is no answer, and one without a key that could be used is none either.
fn verifiers(document: Document, did: &Did) -> Result<Vec<Verifier>, Cause> {
    if document.id != did.as_str() {
        return Err(Cause::Malformed(format!(
            "the DID document is that of {}, not of {did}",
            excerpt(&document.id)
        )));
    }
    let keys = document.methods.into_iter().filter_map(|method| method.key);
    let keys: Vec<Verifier> = keys
        .filter_map(|key| Verifier::from_did(&Did::parse(&format!("did:key:{key}")).ok()?).ok())
        .map(|verifier| verifier.with_did(did.clone()))
        .collect();
    if keys.is_empty() {
        let none = format!("the DID document of {did} holds no ed25519 key");
        return Err(Cause::Malformed(none));
    }
    Ok(keys)
}
