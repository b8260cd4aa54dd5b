//! The listener: reads a CAR from the carpark and answers line by line.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderValue, Method, Response, StatusCode, header};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use futures::stream::{self, BoxStream, StreamExt};

use super::slicer::{Slice, Slicer};
use crate::proto::did::percent_decode;
use crate::sandbox::layout::bucket;
use crate::sandbox::network::Network;

/// Bytes given to the connection have left after this.
const FLUSH: Duration = Duration::from_millis(20);

/// The index worker's listener.
pub(crate) fn router(shared: Arc<Network>) -> Router {
    Router::new().fallback(serve).with_state(shared)
}

async fn serve(State(shared): State<Arc<Network>>, request: Request) -> Response<Body> {
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        return empty(StatusCode::METHOD_NOT_ALLOWED);
    }
    let Some((key, offset)) = asked(request.uri()) else {
        return empty(StatusCode::BAD_REQUEST);
    };
    let Some(meta) = shared.objects.head(bucket::CARPARK, &key) else {
        return empty(StatusCode::NOT_FOUND);
    };
    if offset > meta.size {
        return empty(StatusCode::BAD_REQUEST);
    }
    let mut answer = empty(StatusCode::OK);
    answer.headers_mut().insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/x-ndjson"),
    );
    if request.method() == Method::HEAD {
        return answer;
    }
    let range = Some(offset..meta.size);
    match shared.objects.stream(bucket::CARPARK, &key, range).await {
        Ok(Some((_, body))) => {
            *answer.body_mut() = Body::from_stream(lines(body.boxed(), Slicer::at(offset)));
            answer
        }
        Ok(None) => empty(StatusCode::NOT_FOUND),
        Err(error) => {
            tracing::error!(%error, key, "object cannot be read");
            empty(StatusCode::INTERNAL_SERVER_ERROR)
        }
    }
}

/// The object key and offset of `/index/{key}?offset=N`.
fn asked(uri: &axum::http::Uri) -> Option<(String, u64)> {
    let key = percent_decode(uri.path().strip_prefix("/index/")?)?;
    let offset = uri
        .query()
        .into_iter()
        .flat_map(|query| query.split('&'))
        .find_map(|part| part.strip_prefix("offset="))
        .map_or(Some(0), |offset| offset.parse().ok())?;
    (!key.is_empty()).then_some((key, offset))
}

type Chunks = BoxStream<'static, std::io::Result<Bytes>>;

/// The lines of the blocks in `chunks`; a fault of the CAR breaks the stream.
fn lines(chunks: Chunks, slicer: Slicer) -> impl futures::Stream<Item = std::io::Result<Bytes>> {
    stream::unfold(Some((chunks, slicer)), |state| async move {
        let (mut chunks, mut slicer) = state?;
        loop {
            let mut text = String::new();
            let outcome = match chunks.next().await {
                Some(Ok(chunk)) => slicer.push(&chunk, |slice| text.push_str(&line(&slice))),
                Some(Err(error)) => return Some((Err(error), None)),
                None => match slicer.finish() {
                    Ok(()) => return None,
                    Err(reason) => return Some((Err(fault(reason).await), None)),
                },
            };
            match outcome {
                Ok(()) if text.is_empty() => {}
                Ok(()) => return Some((Ok(Bytes::from(text)), Some((chunks, slicer)))),
                Err(reason) => {
                    // What was read before the fault is sent before the stream breaks.
                    let broken = stream::once(async { Err(fault(reason).await) });
                    return Some((Ok(Bytes::from(text)), Some((broken.boxed(), slicer))));
                }
            }
        }
    })
}

/// The error that breaks the stream, once what was sent before has left.
async fn fault(reason: String) -> std::io::Error {
    tokio::time::sleep(FLUSH).await;
    std::io::Error::other(reason)
}

fn line(slice: &Slice) -> String {
    let digest = STANDARD_NO_PAD.encode(&slice.multihash);
    let Slice { offset, length, .. } = slice;
    format!("[{{\"/\":{{\"bytes\":\"{digest}\"}}}},[{offset},{length}]]\n")
}

fn empty(status: StatusCode) -> Response<Body> {
    let mut answer = Response::new(Body::empty());
    *answer.status_mut() = status;
    answer
}
