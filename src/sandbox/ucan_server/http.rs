//! Content negotiation around the execution of a message.

use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, HeaderValue, Response, StatusCode, header};

use super::execute::execute;
use super::service::UcanService;
use crate::proto::message::{CONTENT_TYPE, Message};

/// Answers a `POST` of an agent message. What an invocation did wrong is told in its receipt, with status 200.
pub(crate) async fn answer_message(
    service: &dyn UcanService,
    headers: &HeaderMap,
    body: &Bytes,
) -> Response<Body> {
    let content_type = headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok());
    if content_type != Some(CONTENT_TYPE) {
        let reason = "The server cannot process the request because the payload format is not supported. \
                      Please check the content-type header and try again with a supported media type.";
        return wants_car(StatusCode::UNSUPPORTED_MEDIA_TYPE, reason);
    }
    if !accepts_car(headers) {
        let reason = "The requested resource cannot be served in the requested content type. \
                      Please specify a supported content type using the Accept header.";
        return wants_car(StatusCode::NOT_ACCEPTABLE, reason);
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

fn accepts_car(headers: &HeaderMap) -> bool {
    let mut values = headers.get_all(header::ACCEPT).iter().peekable();
    let types = |value: &HeaderValue| value.to_str().unwrap_or_default().to_owned();
    values.peek().is_none()
        || values.any(|value| {
            types(value).split(',').any(|part| {
                let media = part.split(';').next().unwrap_or_default().trim();
                media.is_empty() || ["*/*", "application/*", CONTENT_TYPE].contains(&media)
            })
        })
}

fn car(body: Vec<u8>) -> Response<Body> {
    let mut response = Response::new(Body::from(body));
    response
        .headers_mut()
        .insert(header::CONTENT_TYPE, HeaderValue::from_static(CONTENT_TYPE));
    response
}

fn wants_car(status: StatusCode, reason: &str) -> Response<Body> {
    let mut response = plain(status, reason);
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
