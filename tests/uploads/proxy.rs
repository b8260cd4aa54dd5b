//! A proxy before the indexing service that changes what it answers to queries.

use std::sync::Arc;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::Request;
use axum::http::{Method, Response, header};
use cid::Cid;
use sterna::proto::car;
use tokio::task::JoinSet;
use url::Url;

/// Other bytes for a block of an answer; `None` leaves it as it is.
pub(crate) type Swap = fn(&Cid, &[u8]) -> Option<Vec<u8>>;

/// Runs until it is dropped.
pub(crate) struct Proxy {
    pub(crate) url: Url,
    _tasks: JoinSet<()>,
}

impl Proxy {
    /// Puts other bytes under the CIDs of answers to queries, and passes all else on.
    pub(crate) async fn start(service: Url, swap: Swap) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        let behind = Arc::new((service, client));
        let pass = move |request: Request| pass(Arc::clone(&behind), request, swap);
        let router = Router::new().fallback(pass);
        let mut tasks = JoinSet::new();
        tasks.spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self {
            url: url.parse().unwrap(),
            _tasks: tasks,
        }
    }
}

async fn pass(behind: Arc<(Url, reqwest::Client)>, request: Request, swap: Swap) -> Response<Body> {
    let (service, client) = &*behind;
    let (parts, body) = request.into_parts();
    let body = to_bytes(body, usize::MAX).await.unwrap();
    let path = parts.uri.path_and_query().unwrap().as_str();
    let is_query = parts.method == Method::GET && parts.uri.path() == "/claims";
    let mut sent = client.request(parts.method, service.join(path).unwrap());
    for name in [header::CONTENT_TYPE, header::ACCEPT] {
        if let Some(value) = parts.headers.get(&name) {
            sent = sent.header(name, value);
        }
    }
    let answer = sent.body(body).send().await.unwrap();
    let mut response = Response::builder().status(answer.status());
    if let Some(kind) = answer.headers().get(header::CONTENT_TYPE) {
        response = response.header(header::CONTENT_TYPE, kind);
    }
    let bytes = answer.bytes().await.unwrap();
    let bytes = if is_query {
        swapped(&bytes, swap)
    } else {
        bytes.to_vec()
    };
    response.body(Body::from(bytes)).unwrap()
}

fn swapped(body: &[u8], swap: Swap) -> Vec<u8> {
    let answer = car::read(body).unwrap();
    let root = answer.header.root().unwrap();
    let blocks: Vec<(Cid, Vec<u8>)> = answer
        .entries
        .iter()
        .map(|entry| {
            let cid = entry.cid().unwrap();
            let other = (cid != root).then(|| swap(&cid, entry.payload)).flatten();
            (cid, other.unwrap_or_else(|| entry.payload.to_vec()))
        })
        .collect();
    let blocks = blocks.iter().map(|(cid, bytes)| (cid, &bytes[..]));
    car::write(&[root], blocks)
}
