//! Lets only requests with the token of the network through to the control listener.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{Response, StatusCode, header};
use axum::middleware::Next;

use super::answer::problem;
use crate::sandbox::network::Network;
use crate::sandbox::service::Service;

/// Lets a request through that was meant for this listener and carries its token.
pub(super) async fn admit(
    State(shared): State<Arc<Network>>,
    request: Request,
    next: Next,
) -> Response<Body> {
    let port = shared.urls.port(Service::Control);
    let ours = [format!("127.0.0.1:{port}"), format!("localhost:{port}")];
    let host = request.headers().get(header::HOST);
    let host = host.and_then(|host| host.to_str().ok());
    if !host.is_some_and(|host| ours.iter().any(|own| own.eq_ignore_ascii_case(host))) {
        let error = format!("this is {}: ask for it by that name", ours[0]);
        return problem(StatusCode::MISDIRECTED_REQUEST, &error);
    }
    if !shared.token.is_in(request.headers()) {
        let error = "the token is missing or wrong: it is SANDBOX_CONTROL_TOKEN in sandbox.env";
        return problem(StatusCode::UNAUTHORIZED, error);
    }
    next.run(request).await
}
