//! Answers of the control listener: JSON.

use axum::body::Body;
use axum::http::{HeaderValue, Response, StatusCode, header};
use serde::Serialize;
use serde_json::json;

pub(super) fn problem(status: StatusCode, message: &str) -> Response<Body> {
    answer(status, &json!({ "error": message }))
}

pub(super) fn answer(status: StatusCode, body: &impl Serialize) -> Response<Body> {
    let json = serde_json::to_vec(body).unwrap_or_default();
    let mut response = Response::new(Body::from(json));
    *response.status_mut() = status;
    response.headers_mut().insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/json"),
    );
    response
}
