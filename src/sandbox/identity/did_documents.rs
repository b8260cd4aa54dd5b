//! DID documents of the services, and the keys behind a DID.

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderValue, Response, header};
use axum::routing::get;
use serde_json::{Value, json};

use crate::proto::{Did, Signer};
use crate::sandbox::network::Network;

impl Network {
    /// The did:keys of a service's did:web; none of any other DID.
    #[must_use]
    pub fn did_keys(&self, did: &Did) -> Vec<Did> {
        self.keys
            .of(did)
            .map(|signer| signer.key_did().clone())
            .into_iter()
            .collect()
    }
}

/// `GET /.well-known/did.json` of a service.
pub(crate) fn route(signer: &Signer) -> Router {
    let body = document(signer).to_string();
    Router::new().route("/.well-known/did.json", get(async move || answer(body)))
}

fn answer(body: String) -> Response<Body> {
    let mut response = Response::new(Body::from(body));
    response.headers_mut().insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/did+json"),
    );
    response
}

/// The document: one key, for everything.
fn document(signer: &Signer) -> Value {
    let did = signer.did().as_str();
    let key = format!("{did}#owner");
    let multibase = signer.key_did().as_str().trim_start_matches("did:key:");
    json!({
        "@context": [
            "https://www.w3.org/ns/did/v1",
            "https://w3id.org/security/suites/ed25519-2020/v1",
            "https://w3id.org/security/suites/x25519-2020/v1",
        ],
        "id": did,
        "verificationMethod": [{
            "id": key,
            "type": "Ed25519VerificationKey2020",
            "controller": did,
            "publicKeyMultibase": multibase,
        }],
        "authentication": [key],
        "assertionMethod": [key],
        "capabilityDelegation": [key],
        "capabilityInvocation": [key],
    })
}
