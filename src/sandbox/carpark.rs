//! The carpark bucket's public URL: `GET` and `HEAD` with ranges, no signature.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, Response, StatusCode, header};
use s3s::dto::Range;

use super::layout::bucket;
use super::network::Network;
use super::s3::Meta;
use crate::proto::did::percent_decode;

/// The carpark's public listener.
pub(crate) fn router(shared: Arc<Network>) -> Router {
    Router::new().fallback(serve).with_state(shared)
}

async fn serve(State(shared): State<Arc<Network>>, request: Request) -> Response<Body> {
    let path = request.uri().path();
    let Some(key) = percent_decode(path.strip_prefix('/').unwrap_or(path)) else {
        return empty(StatusCode::BAD_REQUEST);
    };
    object(&shared, request.method(), request.headers(), &key).await
}

/// Answers a `GET` or `HEAD` of an object of the carpark.
pub(super) async fn object(
    shared: &Network,
    method: &Method,
    headers: &HeaderMap,
    key: &str,
) -> Response<Body> {
    if !matches!(*method, Method::GET | Method::HEAD) {
        return empty(StatusCode::METHOD_NOT_ALLOWED);
    }
    let Some(meta) = shared.objects.head(bucket::CARPARK, key) else {
        return empty(StatusCode::NOT_FOUND);
    };
    let range = match range_of(headers, meta.size) {
        Ok(range) => range,
        Err(answer) => return *answer,
    };
    let mut answer = head(&meta, range.as_ref());
    if *method == Method::HEAD {
        return answer;
    }
    match shared.objects.stream(bucket::CARPARK, key, range).await {
        Ok(Some((_, body))) => *answer.body_mut() = Body::from_stream(body),
        Ok(None) => return empty(StatusCode::NOT_FOUND),
        Err(error) => {
            tracing::error!(%error, key, "carpark object cannot be read");
            return empty(StatusCode::INTERNAL_SERVER_ERROR);
        }
    }
    answer
}

/// The range a request asks for; one that is no byte range is ignored, as HTTP says.
fn range_of(
    headers: &HeaderMap,
    size: u64,
) -> Result<Option<std::ops::Range<u64>>, Box<Response<Body>>> {
    let Some(range) = headers
        .get(header::RANGE)
        .and_then(|value| value.to_str().ok())
        .and_then(|text| Range::parse(text).ok())
    else {
        return Ok(None);
    };
    range.check(size).map(Some).map_err(|_| {
        let mut answer = empty(StatusCode::RANGE_NOT_SATISFIABLE);
        insert(
            &mut answer,
            header::CONTENT_RANGE,
            &format!("bytes */{size}"),
        );
        Box::new(answer)
    })
}

fn head(meta: &Meta, range: Option<&std::ops::Range<u64>>) -> Response<Body> {
    let mut answer = empty(StatusCode::OK);
    let mut length = meta.size;
    if let Some(range) = range {
        *answer.status_mut() = StatusCode::PARTIAL_CONTENT;
        length = range.end - range.start;
        let text = format!("bytes {}-{}/{}", range.start, range.end - 1, meta.size);
        insert(&mut answer, header::CONTENT_RANGE, &text);
    }
    insert(&mut answer, header::CONTENT_LENGTH, &length.to_string());
    insert(&mut answer, header::ACCEPT_RANGES, "bytes");
    insert(&mut answer, header::ETAG, &format!("\"{}\"", meta.etag));
    if let Some(kind) = &meta.content_type {
        insert(&mut answer, header::CONTENT_TYPE, kind);
    }
    answer
}

fn insert(answer: &mut Response<Body>, name: header::HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::try_from(value) {
        answer.headers_mut().insert(name, value);
    }
}

fn empty(status: StatusCode) -> Response<Body> {
    let mut answer = Response::new(Body::empty());
    *answer.status_mut() = status;
    answer
}
