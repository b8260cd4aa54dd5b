//! The indexing service's listener.

use std::sync::Arc;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{DefaultBodyLimit, Path, RawQuery, State};
use axum::http::{HeaderMap, HeaderValue, Response, StatusCode, header};
use axum::routing::get;
use cid::Cid;

use super::state::Indexer;
use super::{claims, ipni, query};
use crate::proto::multihash::Multihash;
use crate::sandbox::identity::did_documents;
use crate::sandbox::network::Network;
use crate::sandbox::ucan_server::{answer_message, plain};

/// The indexing service's listener: queries, messages, claims, its DID document.
pub(crate) fn router(shared: Arc<Network>) -> Router {
    let document = did_documents::route(&shared.keys.indexer);
    Router::new()
        .route("/", get(about).post(messages_in))
        .route("/claims", get(claims_of).post(messages_in))
        .route("/claim/{cid}", get(claim))
        .route("/cid/{cid}", get(providers))
        .layer(DefaultBodyLimit::disable())
        .with_state(Arc::new(Indexer::new(shared)))
        .merge(document)
}

async fn about(State(indexer): State<Arc<Indexer>>) -> Response<Body> {
    plain(
        StatusCode::OK,
        &format!("indexing service {}", indexer.network.keys.indexer.did()),
    )
}

async fn messages_in(
    State(indexer): State<Arc<Indexer>>,
    headers: HeaderMap,
    body: Bytes,
) -> Response<Body> {
    answer_message(indexer.as_ref(), &headers, &body).await
}

async fn claims_of(
    State(indexer): State<Arc<Indexer>>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Response<Body> {
    query::answer(&indexer, &query.unwrap_or_default(), &headers).await
}

async fn claim(State(indexer): State<Arc<Indexer>>, Path(cid): Path<String>) -> Response<Body> {
    let cid: Cid = match cid.parse() {
        Ok(cid) => cid,
        Err(error) => return plain(StatusCode::BAD_REQUEST, &format!("invalid CID: {error}")),
    };
    match claims::get(&indexer, &cid).await {
        Ok(Some(archive)) => typed(archive, "application/vnd.ipld.car"),
        Ok(None) => plain(StatusCode::NOT_FOUND, &format!("not found: {cid}")),
        Err(error) => {
            tracing::error!(%error, "claim cannot be read");
            plain(StatusCode::INTERNAL_SERVER_ERROR, "failed to get claim")
        }
    }
}

async fn providers(State(indexer): State<Arc<Indexer>>, Path(cid): Path<String>) -> Response<Body> {
    let Ok(cid) = cid.parse::<Cid>() else {
        return plain(StatusCode::BAD_REQUEST, "invalid CID");
    };
    match ipni::answer(&indexer.network, &Multihash::of(&cid)) {
        Some(answer) => typed(answer.to_string().into(), "application/json"),
        None => plain(StatusCode::NOT_FOUND, "not found"),
    }
}

fn typed(body: Bytes, media: &'static str) -> Response<Body> {
    let mut answer = Response::new(Body::from(body));
    answer
        .headers_mut()
        .insert(header::CONTENT_TYPE, HeaderValue::from_static(media));
    answer
}
