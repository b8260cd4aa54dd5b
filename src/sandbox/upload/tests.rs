//! The golden vectors of `space/blob/add` and `space/index/add`: every exchange of the client with the service is made
//! again, and must give the same bytes; so must every request of the service to its neighbours, which answer as recorded.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::Request;
use axum::http::{HeaderMap, HeaderValue, Response, StatusCode, header};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use super::state::Upload;
use crate::proto::Did;
use crate::proto::claims::{Content, Location};
use crate::proto::message::{CONTENT_TYPE, Message, find_receipt};
use crate::proto::multihash::Multihash;
use crate::proto::query::{Form, QueryResult, encode};
use crate::proto::ucan::{Delegation, Draft};
use crate::sandbox::dynamo::Row;
use crate::sandbox::layout::Table;
use crate::sandbox::network::Network;
use crate::sandbox::service::Service;
use crate::sandbox::ucan_server::{answer_message, plain};
use crate::sandbox::vectors::{hex, keys, list, read, signer, text};

/// What the neighbours answer.
#[derive(Default)]
struct Script {
    /// Bodies of requests and replies.
    replies: Vec<(Vec<u8>, Vec<u8>)>,
    /// Requests that were not recorded.
    unknown: usize,
    /// The answer to every query.
    claims: Vec<u8>,
    index: Vec<u8>,
}

async fn neighbour(script: Arc<Mutex<Script>>, request: Request) -> Response<Body> {
    let path = request.uri().path().to_owned();
    let get = request.method() == "GET";
    let body = to_bytes(request.into_body(), usize::MAX).await.unwrap();
    let mut script = script.lock().unwrap();
    if get {
        let answer = if path == "/claims" {
            &script.claims
        } else {
            &script.index
        };
        return Response::new(Body::from(answer.clone()));
    }
    let reply = script
        .replies
        .iter()
        .find(|(recorded, _)| *recorded == body)
        .map(|(_, reply)| reply.clone());
    if let Some(reply) = reply {
        return Response::new(Body::from(reply));
    }
    script.unknown += 1;
    plain(StatusCode::INTERNAL_SERVER_ERROR, "not recorded")
}

/// Starts a neighbour that answers as the script says; its port.
async fn start(script: &Arc<Mutex<Script>>, tasks: &mut JoinSet<()>) -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let script = Arc::clone(script);
    let router =
        Router::new().fallback(move |request: Request| neighbour(Arc::clone(&script), request));
    tasks.spawn(async move { axum::serve(listener, router).await.unwrap() });
    port
}

/// The millisecond at which the recorded service answered.
fn clock(file: &Value) -> u64 {
    let receipts = list(file, "flows")
        .iter()
        .flat_map(|flow| list(flow, "exchanges"));
    let receipts =
        receipts.flat_map(|exchange| exchange["receipts"].as_array().cloned().unwrap_or_default());
    let mut times = receipts.filter_map(|receipt| receipt["out"]["ok"]["time"].as_u64());
    times.next().expect("a conclusion tells the time")
}

/// The proof of the first recorded invocation of an ability by the service.
fn proof(file: &Value, can: &str) -> Delegation {
    let exchanges = list(file, "flows")
        .iter()
        .flat_map(|flow| list(flow, "exchanges"));
    let mut requests = exchanges.filter(|exchange| exchange["invocations"][0]["can"] == can);
    let request = requests.next().unwrap_or_else(|| panic!("no {can}"));
    let message = Message::decode(&hex(text(request, "request_body_hex"))).unwrap();
    let invocation = message.invocations().unwrap().remove(0);
    invocation.proofs()[0].delegation().unwrap().clone()
}

async fn provision(upload: &Upload, space: &str, is: bool) {
    let key = Row::new()
        .text("subscription", space)
        .text("provider", upload.network.keys.upload.did().as_str());
    if is {
        upload
            .network
            .db
            .put(Table::Consumer, key.text("consumer", space))
            .await
            .unwrap();
    } else {
        upload
            .network
            .db
            .delete(Table::Consumer, key)
            .await
            .unwrap();
    }
}

/// Registers the index and its shards, but for the digest that the recorded answer misses.
async fn register(upload: &Upload, file: &Value, space: &str, out: &Value) {
    let missing = out["error"]["digest"]["/"]["bytes"]
        .as_str()
        .unwrap_or_default();
    let link: cid::Cid = text(&file["index"], "link").parse().unwrap();
    let shard = Multihash::parse(text(&file["index"], "shard")).unwrap();
    for digest in [Multihash::of(&link), shard] {
        let key = Row::new()
            .text("space", space)
            .text("multihash", digest.base58());
        if BASE64.encode(digest.as_bytes()).trim_end_matches('=') == missing {
            upload
                .network
                .db
                .delete(Table::Allocation, key)
                .await
                .unwrap();
        } else {
            upload
                .network
                .db
                .put(Table::Allocation, key.number("size", 1))
                .await
                .unwrap();
        }
    }
}

async fn setup(
    folder: &std::path::Path,
    file: &Value,
    script: &Arc<Mutex<Script>>,
    tasks: &mut JoinSet<()>,
) -> Upload {
    let ports = BTreeMap::from([
        (Service::Node, start(script, tasks).await),
        (Service::Indexer, start(script, tasks).await),
    ]);
    let network = Network::at_rest(folder, keys(&file["actors"]), ports, clock(file));
    let mut upload = Upload::new(Arc::new(network)).unwrap();
    upload.may_allocate = proof(file, "blob/allocate");
    upload.may_accept = proof(file, "blob/accept");
    upload.may_index = proof(file, "assert/index");
    let link: cid::Cid = text(&file["index"], "link").parse().unwrap();
    let claimant = signer(&file["actors"]["storage"]);
    let location = Location {
        content: Content::Digest(Multihash::of(&link)),
        location: vec![format!("{}/index", upload.network.urls.of(Service::Node))],
        range: None,
        space: None,
    };
    let claim = Draft::new(&claimant, claimant.did())
        .capability(location.capability(claimant.did()))
        .sign()
        .unwrap();
    let mut script = script.lock().unwrap();
    script.claims = encode(
        &QueryResult {
            claims: vec![claim],
            indexes: Vec::new(),
        },
        Form::GO,
    );
    script.index = BASE64.decode(text(&file["index"], "archive_b64")).unwrap();
    upload
}

async fn ask(upload: &Upload, exchange: &Value) -> Message {
    let mut headers = HeaderMap::new();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(CONTENT_TYPE));
    let request = Bytes::from(hex(text(exchange, "request_body_hex")));
    let answer = answer_message(upload, &headers, &request).await;
    assert_eq!(answer.status(), StatusCode::OK);
    Message::decode(&to_bytes(answer.into_body(), usize::MAX).await.unwrap()).unwrap()
}

/// Whether the flow was recorded with the older handler, which allocates what is registered already.
async fn is_older(upload: &Upload, flow: &Value) -> bool {
    let mut allocations = list(flow, "exchanges")
        .iter()
        .filter(|one| one["invocations"][0]["can"] == "blob/allocate");
    let Some(allocation) = allocations.next() else {
        return false;
    };
    let message = Message::decode(&hex(text(allocation, "request_body_hex"))).unwrap();
    let invocation = message.invocations().unwrap().remove(0);
    let nb = |name| invocation.capabilities()[0].get(name).unwrap();
    let blob = crate::sandbox::blob::Blob::from_ipld(nb("blob")).unwrap();
    let space: Did = crate::sandbox::blob::space_of(nb("space")).unwrap();
    super::registry::find(upload, &space, &blob.digest)
        .await
        .unwrap()
        .is_some()
}

#[tokio::test]
async fn every_recorded_exchange_gives_the_same_receipts() {
    let file = read("blob-add.json");
    let folder = tempfile::tempdir().unwrap();
    let (script, mut tasks) = (Arc::new(Mutex::new(Script::default())), JoinSet::new());
    let upload = setup(folder.path(), &file, &script, &mut tasks).await;
    for flow in list(&file, "flows") {
        let name = text(flow, "name");
        if is_older(&upload, flow).await {
            continue;
        }
        let exchanges = list(flow, "exchanges");
        script.lock().unwrap().replies = replies(exchanges);
        for exchange in exchanges
            .iter()
            .filter(|one| one["from"] == "client" && one["to"] == "upload-service")
        {
            if exchange["kind"] == "http-get" {
                stored(&upload, name, exchange).await;
                continue;
            }
            let out = &exchange["receipts"][0]["out"];
            let space = exchange["invocations"][0]["dag_json"]["att"][0]["with"]
                .as_str()
                .unwrap();
            provision(
                &upload,
                space,
                out["error"]["name"] != "InsufficientStorage",
            )
            .await;
            if exchange["invocations"][0]["can"] == "space/index/add" {
                register(&upload, &file, space, out).await;
            }
            let reply = ask(&upload, exchange).await;
            compare(name, exchange, &reply);
        }
        assert_eq!(
            script.lock().unwrap().unknown,
            0,
            "{name}: the service asked something that was not recorded"
        );
    }
}

/// What the neighbours answered in a flow.
fn replies(exchanges: &[Value]) -> Vec<(Vec<u8>, Vec<u8>)> {
    let own = exchanges
        .iter()
        .filter(|exchange| exchange["from"] == "upload-service");
    own.map(|exchange| {
        (
            hex(text(exchange, "request_body_hex")),
            hex(text(exchange, "response_body_hex")),
        )
    })
    .collect()
}

/// The receipt that was polled is stored.
async fn stored(upload: &Upload, name: &str, exchange: &Value) {
    let url = text(exchange, "url");
    let task = url.rsplit_once('/').unwrap().1.parse().unwrap();
    let recorded = Message::decode(&hex(text(exchange, "body_hex"))).unwrap();
    let recorded = find_receipt(&recorded, &task).unwrap().unwrap();
    let stored = super::messages::receipt(&upload.network, &task);
    assert_eq!(
        stored.await.unwrap().unwrap().cid(),
        recorded.cid(),
        "{name}"
    );
}

/// Receipts are equal by CID, errors (whose stacks differ) by their other fields.
fn compare(name: &str, exchange: &Value, reply: &Message) {
    for recorded in list(exchange, "receipts") {
        let ran = text(recorded, "ran").parse().unwrap();
        let receipt = reply.receipt(&ran).unwrap().unwrap();
        let Some(error) = receipt.outcome().err() else {
            let forks: Vec<String> = receipt
                .forks()
                .iter()
                .map(|fork| fork.cid().to_string())
                .collect();
            let expected: Vec<&str> = recorded["fork"]
                .as_array()
                .unwrap()
                .iter()
                .map(|fork| text(fork, "cid"))
                .collect();
            assert_eq!(forks, expected, "{name}");
            // The time goes on while the test runs.
            if recorded["out"]["ok"]["time"].is_null() {
                assert_eq!(receipt.cid().to_string(), text(recorded, "cid"), "{name}");
            }
            continue;
        };
        let error = crate::proto::json::to_value(error).unwrap();
        for field in ["name", "message", "digest"] {
            assert_eq!(
                error[field], recorded["out"]["error"][field],
                "{name}: {error}"
            );
        }
    }
}
