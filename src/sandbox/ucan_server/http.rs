//! Content negotiation around the execution of a message.

use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode, header};

use super::execute::execute;
use super::service::UcanService;
use crate::proto::message::{CONTENT_TYPE, Message, Refused, negotiate};

/// Answers a `POST` of an agent message. What an invocation did wrong is told in its receipt, with status 200.
pub(crate) async fn answer_message(
    service: &dyn UcanService,
    headers: &HeaderMap,
    body: &Bytes,
) -> Response<Body> {
    let content_type = text_of(headers, &header::CONTENT_TYPE);
    let accept = text_of(headers, &header::ACCEPT);
    if let Err(refused) = negotiate(content_type.as_deref(), accept.as_deref()) {
        return turned_away(refused);
    }
    let message = match Message::decode(body) {
        Ok(message) => message,
        Err(error) => {
            return plain(
                StatusCode::BAD_REQUEST,
                &format!("Bad request: Malformed payload - {error}"),
            );
        }
    };
    if let Err(error) = service.received(&message).await {
        return plain(
            StatusCode::INTERNAL_SERVER_ERROR,
            &format!("Server error: {error}"),
        );
    }
    match execute(service, &message).await {
        Ok(reply) => car(reply.encode()),
        Err(error) => plain(
            StatusCode::INTERNAL_SERVER_ERROR,
            &format!("Server error: {error}"),
        ),
    }
}

/// All values of a header, as one.
fn text_of(headers: &HeaderMap, name: &HeaderName) -> Option<String> {
    let values: Vec<_> = headers
        .get_all(name)
        .iter()
        .map(|value| value.to_str().unwrap_or_default())
        .collect();
    (!values.is_empty()).then(|| values.join(","))
}

fn car(body: Vec<u8>) -> Response<Body> {
    let mut response = Response::new(Body::from(body));
    response
        .headers_mut()
        .insert(header::CONTENT_TYPE, HeaderValue::from_static(CONTENT_TYPE));
    response
}

fn turned_away(refused: Refused) -> Response<Body> {
    let status = StatusCode::from_u16(refused.status()).unwrap_or(StatusCode::BAD_REQUEST);
    let mut response = plain(status, &refused.to_string());
    response
        .headers_mut()
        .insert(header::ACCEPT, HeaderValue::from_static(CONTENT_TYPE));
    response
}

/// A plain text answer.
pub(crate) fn plain(status: StatusCode, text: &str) -> Response<Body> {
    let mut response = Response::new(Body::from(text.to_owned()));
    *response.status_mut() = status;
    response.headers_mut().insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("text/plain; charset=utf-8"),
    );
    response
}
