//! A proxy before a service that changes what it answers.

use std::sync::Arc;

use axum::Router;
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::Request;
use axum::http::{HeaderName, HeaderValue, Method, Response, StatusCode, header};
use cid::Cid;
use sterna::proto::car;
use tokio::task::JoinSet;
use url::Url;

/// Other bytes for a block of an answer; `None` leaves it as it is.
pub(crate) type Swap = fn(&Cid, &[u8]) -> Option<Vec<u8>>;

/// What was asked.
pub(crate) struct Asked {
    pub(crate) method: Method,
    /// Path and query.
    pub(crate) path: String,
    pub(crate) body: Bytes,
}

/// What is answered.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: Vec<(HeaderName, HeaderValue)>,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    /// Leads to another address.
    pub(crate) fn redirect(to: &str) -> Self {
        Self {
            status: StatusCode::FOUND,
            headers: vec![(header::LOCATION, to.parse().unwrap())],
            body: Vec::new(),
        }
    }
}

/// Runs until it is dropped.
pub(crate) struct Proxy {
    pub(crate) url: Url,
    _tasks: JoinSet<()>,
}

impl Proxy {
    /// Puts other bytes under the CIDs of answers to queries, and passes all else on.
    pub(crate) async fn start(service: Url, swap: Swap) -> Self {
        Self::changing(service, move |asked, mut answer| {
            if asked.method == Method::GET && asked.path.starts_with("/claims?") {
                answer.body = swapped(&answer.body, swap);
            }
            answer
        })
        .await
    }

    /// Passes every request on, and gives what becomes of the answer.
    pub(crate) async fn changing<C>(service: Url, change: C) -> Self
    where
        C: Fn(&Asked, Answer) -> Answer + Send + Sync + 'static,
    {
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        let behind = Arc::new((service, client, change));
        Self::serve(move |asked| {
            let behind = Arc::clone(&behind);
            async move {
                let (service, client, change) = &*behind;
                let answer = passed(service, client, &asked).await;
                change(&asked, answer)
            }
        })
        .await
    }

    /// Answers everything itself.
    pub(crate) async fn alone<A>(answer: A) -> Self
    where
        A: Fn(&Asked) -> Answer + Send + Sync + 'static,
    {
        let answer = Arc::new(answer);
        Self::serve(move |asked| {
            let answer = Arc::clone(&answer);
            async move { answer(&asked) }
        })
        .await
    }

    async fn serve<A, F>(answer: A) -> Self
    where
        A: Fn(Asked) -> F + Clone + Send + Sync + 'static,
        F: Future<Output = Answer> + Send,
    {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let serve = move |request: Request| {
            let answer = answer.clone();
            async move {
                let (parts, body) = request.into_parts();
                let asked = Asked {
                    method: parts.method,
                    path: parts.uri.path_and_query().unwrap().to_string(),
                    body: to_bytes(body, usize::MAX).await.unwrap(),
                };
                let answer = answer(asked).await;
                let mut response = Response::new(Body::from(answer.body));
                *response.status_mut() = answer.status;
                response.headers_mut().extend(answer.headers);
                response
            }
        };
        let router = Router::new().fallback(serve);
        let mut tasks = JoinSet::new();
        tasks.spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self {
            url: url.parse().unwrap(),
            _tasks: tasks,
        }
    }
}

/// What the service itself answers, redirects followed.
async fn passed(service: &Url, client: &reqwest::Client, asked: &Asked) -> Answer {
    let url = service.join(&asked.path).unwrap();
    let mut sent = client.request(asked.method.clone(), url);
    if asked.method == Method::POST {
        let car = "application/vnd.ipld.car";
        sent = sent
            .header(header::CONTENT_TYPE, car)
            .header(header::ACCEPT, car);
    }
    let answer = sent.body(asked.body.clone()).send().await.unwrap();
    let kind = answer.headers().get(header::CONTENT_TYPE).cloned();
    Answer {
        status: answer.status(),
        headers: kind
            .map(|kind| (header::CONTENT_TYPE, kind))
            .into_iter()
            .collect(),
        body: answer.bytes().await.unwrap().to_vec(),
    }
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
