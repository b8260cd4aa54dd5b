//! The upload service's listener.

use std::sync::Arc;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{DefaultBodyLimit, Path, State};
use axum::http::{HeaderMap, HeaderValue, Response, StatusCode, header};
use axum::routing::get;
use cid::Cid;

use super::messages;
use super::state::Upload;
use crate::proto::message::CONTENT_TYPE;
use crate::sandbox::config::SandboxError;
use crate::sandbox::identity::did_documents;
use crate::sandbox::layout::bucket;
use crate::sandbox::network::Network;
use crate::sandbox::service::Service;
use crate::sandbox::ucan_server::{answer_message, plain};

/// The upload service's listener: messages, receipts, stored messages, its DID document.
pub(crate) fn router(shared: Arc<Network>) -> Result<Router, SandboxError> {
    let document = did_documents::route(&shared.keys.upload);
    let service = Arc::new(Upload::new(shared)?);
    Ok(Router::new()
        .route("/", get(about).post(messages_in))
        .route("/receipt/{task}", get(receipt))
        .route("/messages/{name}/{again}", get(message))
        .layer(DefaultBodyLimit::disable())
        .with_state(service)
        .merge(document))
}

async fn about(State(upload): State<Arc<Upload>>) -> Response<Body> {
    plain(
        StatusCode::OK,
        &format!("upload service {}", upload.network.keys.upload.did()),
    )
}

async fn messages_in(
    State(upload): State<Arc<Upload>>,
    headers: HeaderMap,
    body: Bytes,
) -> Response<Body> {
    answer_message(upload.as_ref(), &headers, &body).await
}

/// Leads to the message that holds a receipt.
async fn receipt(State(upload): State<Arc<Upload>>, Path(task): Path<String>) -> Response<Body> {
    let Ok(task) = task.parse::<Cid>() else {
        return plain(StatusCode::BAD_REQUEST, "missing or invalid task CID");
    };
    match messages::with_receipt(&upload.network, &task).await {
        Ok(Some(message)) => {
            let url = format!(
                "{}/messages/{}",
                upload.network.urls.of(Service::Upload),
                messages::key(&message)
            );
            let mut response = plain(StatusCode::FOUND, "");
            if let Ok(url) = HeaderValue::try_from(url) {
                response.headers_mut().insert(header::LOCATION, url);
            }
            response
        }
        Ok(None) => plain(
            StatusCode::NOT_FOUND,
            &format!("receipt for {task} not found"),
        ),
        Err(error) => plain(StatusCode::INTERNAL_SERVER_ERROR, &error.to_string()),
    }
}

async fn message(
    State(upload): State<Arc<Upload>>,
    Path((name, _)): Path<(String, String)>,
) -> Response<Body> {
    match upload
        .network
        .objects
        .get(bucket::MESSAGES, &messages::key(&name))
        .await
    {
        Ok(Some((_, bytes))) => {
            let mut response = Response::new(Body::from(bytes));
            response
                .headers_mut()
                .insert(header::CONTENT_TYPE, HeaderValue::from_static(CONTENT_TYPE));
            response
        }
        Ok(None) => plain(StatusCode::NOT_FOUND, "not found"),
        Err(error) => plain(StatusCode::INTERNAL_SERVER_ERROR, &error.to_string()),
    }
}
