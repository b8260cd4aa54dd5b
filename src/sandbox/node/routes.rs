//! The storage node's listener.

use std::sync::Arc;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{HeaderMap, Response, StatusCode};
use axum::routing::get;

use super::blobs;
use super::state::Node;
use crate::sandbox::config::SandboxError;
use crate::sandbox::identity::did_documents;
use crate::sandbox::network::Network;
use crate::sandbox::ucan_server::{answer_message, plain};

/// The storage node's listener: messages, blobs, claims, its DID document.
pub(crate) fn router(shared: Arc<Network>) -> Result<Router, SandboxError> {
    let document = did_documents::route(&shared.keys.node);
    let node = Arc::new(Node::new(shared)?);
    Ok(Router::new()
        .route("/", get(about).post(messages_in))
        .route("/claim/{cid}", get(blobs::claim))
        .route("/{digest}/{file}", get(blobs::get).put(blobs::put))
        .layer(DefaultBodyLimit::disable())
        .with_state(node)
        .merge(document))
}

async fn about(State(node): State<Arc<Node>>) -> Response<Body> {
    plain(
        StatusCode::OK,
        &format!("storage node {}", node.signer().did()),
    )
}

async fn messages_in(
    State(node): State<Arc<Node>>,
    headers: HeaderMap,
    body: Bytes,
) -> Response<Body> {
    answer_message(node.as_ref(), &headers, &body).await
}
