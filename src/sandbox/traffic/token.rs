//! Who may ask the control listener: whoever can read the files of the network's owner, and nobody else.
//!
//! It listens where every user of the machine, and every page in a browser on it, can send requests to. A page may even
//! have its own name lead here (DNS rebinding): its requests then carry that name.

use std::fmt;
use std::sync::Arc;

use aws_lc_rs::constant_time::verify_slices_are_equal;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, Response, StatusCode, header};
use axum::middleware::Next;
use serde::{Deserialize, Serialize};

use super::answer::problem;
use crate::sandbox::network::Network;
use crate::sandbox::service::Service;

/// Random bytes of a token.
const BYTES: usize = 32;

/// What a request to the control listener must carry. Shown by nothing.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Token(String);

impl Token {
    /// A new one.
    ///
    /// # Errors
    /// The system gives no random bytes.
    pub fn random() -> std::io::Result<Self> {
        let mut bytes = [0_u8; BYTES];
        getrandom::fill(&mut bytes)?;
        let hex = |text: String, byte: &u8| format!("{text}{byte:02x}");
        Ok(Self(bytes.iter().fold(String::new(), hex)))
    }

    /// Its text. It is the secret.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether a request carries it.
    fn is_in(&self, headers: &HeaderMap) -> bool {
        let given = headers.get(header::AUTHORIZATION);
        let given = given.and_then(|given| given.as_bytes().strip_prefix(b"Bearer "));
        given.is_some_and(|given| verify_slices_are_equal(given, self.0.as_bytes()).is_ok())
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(…)")
    }
}

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
