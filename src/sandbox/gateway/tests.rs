//! The golden vectors of `access/delegate` and of serving decisions.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::body::to_bytes;
use axum::http::{HeaderMap, HeaderValue, header};
use serde_json::{Value, json};

use super::authorize::decide;
use super::delegate::group;
use super::state::Gateway;
use crate::proto::message::{CONTENT_TYPE, Message, Outcome};
use crate::proto::ucan::{Delegation, extract};
use crate::proto::validate::Context;
use crate::proto::{Did, json as dag_json};
use crate::sandbox::network::Network;
use crate::sandbox::ucan_server::answer_message;
use crate::sandbox::vectors::{hex, keys, list, read, text};

fn gateway(folder: &std::path::Path, file: &Value, case: &Value) -> Gateway {
    let now = file["now"].as_u64().unwrap() * 1000;
    let network = Network::at_rest(folder, keys(&file["actors"]), BTreeMap::new(), now);
    let mut gateway = Gateway::new(Arc::new(network)).unwrap();
    gateway.party.proofs = archives(&case["validator_proofs"]);
    gateway
}

fn archives(list: &Value) -> Vec<Delegation> {
    let list = list.as_array().unwrap().iter();
    list.map(|archive| extract(&hex(archive.as_str().unwrap())).unwrap())
        .collect()
}

#[tokio::test]
async fn delegations_are_taken_refused_and_stored_as_in_the_vectors() {
    let file = read("gateway.json");
    for case in list(&file, "access_delegate") {
        let name = text(case, "name");
        let folder = tempfile::tempdir().unwrap();
        let gateway = gateway(folder.path(), &file, case);
        let mut headers = HeaderMap::new();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(CONTENT_TYPE));
        let request = hex(text(&case["request"], "body_hex"));
        let answer = answer_message(&gateway, &headers, &request.into()).await;
        let reply =
            Message::decode(&to_bytes(answer.into_body(), usize::MAX).await.unwrap()).unwrap();
        let receipt = reply.receipts().unwrap().remove(0);
        match receipt.outcome() {
            Outcome::Ok(value) => assert_eq!(
                json!({ "ok": dag_json::to_value(value).unwrap() }),
                case["out"],
                "{name}"
            ),
            Outcome::Err(error) => {
                let error = dag_json::to_value(error).unwrap();
                for field in ["name", "message"] {
                    assert_eq!(error[field], case["out"]["error"][field], "{name}");
                }
            }
        }
        let spaces = case["request"]["invocation"]["att"][0]["with"]
            .as_str()
            .unwrap();
        let space = Did::parse(spaces).unwrap();
        let stored = gateway
            .network
            .shelf
            .list(&group(&space), gateway.network.clock.now().0);
        let stored: BTreeMap<String, Vec<u8>> = stored
            .into_iter()
            .map(|(cid, archive)| (format!("{space}:{cid}"), archive.to_vec()))
            .collect();
        let expected = case["kv"].as_array().unwrap().iter();
        let expected: BTreeMap<String, Vec<u8>> = expected
            .map(|entry| (text(entry, "key").to_owned(), hex(text(entry, "value_hex"))))
            .collect();
        assert!(stored == expected, "{name}: stored {:?}", stored.keys());
    }
}

#[test]
fn serving_is_decided_as_in_the_vectors() {
    let file = read("gateway.json");
    let keys = keys(&file["actors"]);
    let resolve = |did: &Did| {
        keys.of(did)
            .map(|signer| signer.key_did().clone())
            .into_iter()
            .collect()
    };
    let authority = keys.gateway.verifier();
    for case in list(&file, "serve") {
        let stored: Vec<Delegation> = case["stored"]
            .as_array()
            .unwrap()
            .iter()
            .map(|entry| extract(&hex(text(entry, "archive_hex"))).unwrap())
            .collect();
        let proofs = archives(&case["validator_proofs"]);
        let context = Context {
            authority_proofs: &proofs,
            resolve: &resolve,
            ..Context::new(&authority, file["now"].as_u64().unwrap())
        };
        let space = Did::parse(text(case, "space")).unwrap();
        let decision = decide(
            &keys.gateway,
            &space,
            case["token"].as_str(),
            &stored,
            &context,
        );
        assert_eq!(
            json!(decision.is_ok()),
            case["authorized"],
            "{}: {decision:?}",
            text(case, "name")
        );
    }
}
