//! The gateway's listener.

use std::sync::Arc;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderValue, Method, Response, StatusCode, header};

use super::serve::retrieve;
use super::state::Gateway;
use crate::sandbox::config::SandboxError;
use crate::sandbox::identity::did_documents;
use crate::sandbox::network::Network;
use crate::sandbox::ucan_server::{answer_message, plain};

/// The largest message.
const MESSAGE: usize = 64 << 20;
/// What may be asked for.
const METHODS: &str = "GET, HEAD, OPTIONS, POST";

/// The gateway's listener: messages at any path, content, its DID document.
pub(crate) fn router(shared: Arc<Network>) -> Result<Router, SandboxError> {
    let document = did_documents::route(&shared.keys.gateway);
    let gateway = Arc::new(Gateway::new(shared)?);
    Ok(Router::new()
        .fallback(any)
        .with_state(gateway)
        .merge(document))
}

async fn any(State(gateway): State<Arc<Gateway>>, request: Request) -> Response<Body> {
    let (head, body) = request.into_parts();
    match head.method {
        Method::GET | Method::HEAD => {
            open(retrieve(&gateway, &head.method, &head.uri, &head.headers).await)
        }
        Method::POST => match to_bytes(body, MESSAGE).await {
            Ok(body) => answer_message(gateway.as_ref(), &head.headers, &body).await,
            Err(error) => plain(StatusCode::PAYLOAD_TOO_LARGE, &error.to_string()),
        },
        Method::OPTIONS => {
            let mut answer = open(plain(StatusCode::NO_CONTENT, ""));
            answer.headers_mut().insert(
                header::ACCESS_CONTROL_ALLOW_METHODS,
                HeaderValue::from_static(METHODS),
            );
            answer
        }
        _ => {
            let mut answer = plain(StatusCode::METHOD_NOT_ALLOWED, "method not allowed");
            answer
                .headers_mut()
                .insert(header::ALLOW, HeaderValue::from_static(METHODS));
            answer
        }
    }
}

/// Lets pages of any origin read an answer.
fn open(mut answer: Response<Body>) -> Response<Body> {
    answer.headers_mut().insert(
        header::ACCESS_CONTROL_ALLOW_ORIGIN,
        HeaderValue::from_static("*"),
    );
    answer
}
