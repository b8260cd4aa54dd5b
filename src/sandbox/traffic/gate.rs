//! The layer around every listener.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes, to_bytes};
use axum::extract::Request;
use axum::http::{HeaderName, HeaderValue, Method, Response, StatusCode, header};
use axum::middleware::Next;
use futures::stream::{self, BoxStream, StreamExt};

use super::faults::{Plan, When};
use super::operation::operations;
use crate::proto::message::{CONTENT_TYPE, Effects, Message, Outcome, Receipt};
use crate::runtime::Tasks;
use crate::sandbox::network::Network;
use crate::sandbox::service::Service;
use crate::sandbox::ucan_server::{map, text};

/// The largest agent message.
const MESSAGE_LIMIT: usize = 64 << 20;

/// Marks what services ask of each other: planned faults strike it, but it is neither counted nor delayed, as it is not
/// the client's.
pub(crate) const INTERNAL: HeaderName = HeaderName::from_static("x-sandbox-internal");

/// Slowed bodies are sent this often.
const SLOW_TICK: Duration = Duration::from_millis(50);

/// Counts a request, strikes it with what is planned for it, and passes it on.
pub(crate) async fn guard(
    shared: Arc<Network>,
    service: Service,
    request: Request,
    next: Next,
) -> Result<Response<Body>, Infallible> {
    let (head, body) = request.into_parts();
    let is_read = service.takes_messages() || matches!(service, Service::DynamoDb | Service::Sqs);
    let (message, body) = if is_read && head.method == Method::POST {
        match to_bytes(body, MESSAGE_LIMIT).await {
            Ok(bytes) => (Some(bytes.clone()), Body::from(bytes)),
            Err(_) => return Ok(refusal(StatusCode::PAYLOAD_TOO_LARGE)),
        }
    } else {
        (None, body)
    };
    let asked = operations(service, &head, message.as_ref());
    let internal = head.headers.contains_key(INTERNAL);
    let mut strike = shared.faults.strike(service, &asked, internal);
    if internal {
        let planned = strike.plan.as_ref().and_then(|plan| plan.latency_ms);
        strike.latency = Duration::from_millis(planned.unwrap_or_default());
    } else {
        shared.meter.request(service, &asked);
    }
    let request = Request::from_parts(head, body);
    let Some(plan) = strike.plan else {
        return Ok(to_its_end(&shared.tasks, strike.latency, request, next).await);
    };
    let name = asked.first().map_or("", |operation| &operation.name);
    shared.meter.fault(service, name);
    if let Some(reply) = refused(&shared, service, &plan, message.as_ref()) {
        tokio::time::sleep(strike.latency).await;
        return Ok(reply);
    }
    let replaced = plan.hang || plan.status.is_some();
    if replaced && plan.when == When::Before {
        tokio::time::sleep(strike.latency).await;
        return Ok(replacement(&plan, request).await);
    }
    let answer = to_its_end(&shared.tasks, strike.latency, request, next).await;
    shared.faults.land();
    if replaced {
        return Ok(replacement(&plan, Request::new(Body::empty())).await);
    }
    Ok(spoiled(&plan, answer))
}

/// Lets the service do what it was asked, also when the client goes away meanwhile: no service stops in the middle of
/// its work because nobody waits for the answer.
async fn to_its_end(
    tasks: &Tasks,
    latency: Duration,
    request: Request,
    next: Next,
) -> Response<Body> {
    let work = tasks.spawn(async move {
        tokio::time::sleep(latency).await;
        next.run(request).await
    });
    work.await
        .unwrap_or_else(|_| refusal(StatusCode::INTERNAL_SERVER_ERROR))
}

/// The answer that stands in for the service's own.
async fn replacement(plan: &Plan, request: Request) -> Response<Body> {
    if plan.hang {
        std::future::pending::<()>().await;
    }
    // A client that is still sending should be able to finish and read the answer.
    drop(to_bytes(request.into_body(), MESSAGE_LIMIT).await);
    let status = plan
        .status
        .and_then(|status| StatusCode::from_u16(status).ok())
        .unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut answer = refusal(status);
    for (name, value) in &plan.headers {
        if let (Ok(name), Ok(value)) = (
            HeaderName::try_from(name.as_str()),
            HeaderValue::try_from(value.as_str()),
        ) {
            answer.headers_mut().insert(name, value);
        }
    }
    *answer.body_mut() = Body::from(plan.body.clone().unwrap_or_default());
    answer
}

/// The service's answer with its body cut or slowed.
fn spoiled(plan: &Plan, answer: Response<Body>) -> Response<Body> {
    let (head, body) = answer.into_parts();
    let mut chunks: BoxStream<'static, Result<Bytes, std::io::Error>> = body
        .into_data_stream()
        .map(|chunk| chunk.map_err(std::io::Error::other))
        .boxed();
    if let Some(place) = plan.flip_byte {
        chunks = flip(chunks, place);
    }
    if let Some(limit) = plan.cut_after_bytes {
        chunks = cut(chunks, limit);
    }
    if let Some(rate) = plan.bytes_per_second {
        chunks = slow(chunks, rate);
    }
    Response::from_parts(head, Body::from_stream(chunks))
}

type Chunks = BoxStream<'static, Result<Bytes, std::io::Error>>;

/// A message of receipts that say an error, signed by the service.
fn refused(
    shared: &Network,
    service: Service,
    plan: &Plan,
    message: Option<&Bytes>,
) -> Option<Response<Body>> {
    let name = plan.receipt_error.as_deref()?;
    let keys = &shared.keys;
    let signer = match service {
        Service::Upload => &keys.upload,
        Service::Indexer => &keys.indexer,
        Service::Gateway => &keys.gateway,
        Service::Node => &keys.node,
        _ => return None,
    };
    let invocations = Message::decode(message?).ok()?.invocations().ok()?;
    let receipts: Result<Vec<_>, _> = invocations
        .into_iter()
        .map(|invocation| {
            let error = map([("name", text(name)), ("message", text("planned"))]);
            Receipt::issue(signer, invocation, Outcome::Err(error), Effects::default())
        })
        .collect();
    let reply = Message::reply(&receipts.ok()?).ok()?;
    let mut answer = Response::new(Body::from(reply.encode()));
    let kind = HeaderValue::from_static(CONTENT_TYPE);
    answer.headers_mut().insert(header::CONTENT_TYPE, kind);
    Some(answer)
}

/// Flips the bits of one byte of the stream.
fn flip(chunks: Chunks, place: u64) -> Chunks {
    let mut at = 0;
    chunks
        .map(move |chunk| {
            let mut bytes = Vec::from(chunk?);
            let inside = usize::try_from(place.wrapping_sub(at)).unwrap_or(usize::MAX);
            at += bytes.len() as u64;
            if let Some(byte) = bytes.get_mut(inside) {
                *byte = !*byte;
            }
            Ok(bytes.into())
        })
        .boxed()
}

/// Ends the stream with an error after `limit` bytes, so that the connection breaks.
fn cut(chunks: Chunks, limit: u64) -> Chunks {
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    stream::unfold(Some((chunks, limit)), |state| async move {
        let (mut chunks, left) = state?;
        if left == 0 {
            // What was sent so far has to leave before the connection breaks.
            tokio::time::sleep(SLOW_TICK).await;
            let broken = std::io::Error::other("cut by a planned fault");
            return Some((Err(broken), None));
        }
        let chunk = chunks.next().await?;
        let Ok(mut chunk) = chunk else {
            return Some((chunk, None));
        };
        chunk.truncate(left);
        let left = left - chunk.len();
        Some((Ok(chunk), Some((chunks, left))))
    })
    .boxed()
}

/// Sends the stream in small pieces, `rate` bytes a second.
fn slow(chunks: Chunks, rate: u64) -> Chunks {
    let ticks = 1000 / u64::try_from(SLOW_TICK.as_millis()).unwrap_or(50);
    let piece = usize::try_from((rate / ticks).max(1)).unwrap_or(usize::MAX);
    stream::unfold(
        (chunks, Bytes::new()),
        move |(mut chunks, mut rest)| async move {
            if rest.is_empty() {
                match chunks.next().await? {
                    Ok(chunk) => rest = chunk,
                    Err(error) => return Some((Err(error), (chunks, rest))),
                }
            }
            tokio::time::sleep(SLOW_TICK).await;
            let piece = rest.split_to(piece.min(rest.len()));
            Some((Ok(piece), (chunks, rest)))
        },
    )
    .boxed()
}

fn refusal(status: StatusCode) -> Response<Body> {
    let mut answer = Response::new(Body::empty());
    *answer.status_mut() = status;
    answer
        .headers_mut()
        .insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain"));
    answer
}
