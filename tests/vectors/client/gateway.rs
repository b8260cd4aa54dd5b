//! `tool-trace.json`: the `access/delegate` message, made again from its parties and the account's proof.

use serde_json::Value;
use sterna::client::{Grant, grant};
use sterna::proto::message::Message;
use sterna::proto::ucan::{Delegation, Expiration};
use sterna::proto::{Did, Signer};

use crate::load::{hex, load, section, signer};

/// The key of a DID among the actors of a file.
fn key_of(file: &Value, did: &Did) -> Signer {
    let actors = file["actors"].as_object().expect("actors").values();
    let actor = actors
        .filter(|actor| actor["seed_hex"].is_string())
        .find(|actor| actor["did"] == did.as_str());
    let actor = actor.unwrap_or_else(|| panic!("no actor {did}"));
    signer(actor).expect("the actor has a key")
}

fn first_proof(delegation: &Delegation) -> Delegation {
    delegation.proofs()[0]
        .delegation()
        .cloned()
        .expect("the proof came along")
}

#[test]
fn the_gateway_gets_the_bytes_that_the_tool_sent() {
    let file = load("tool-trace.json");
    let mut seen = 0;
    for exchange in section(&file, "runs")
        .iter()
        .flat_map(|run| run["exchanges"].as_array().expect("exchanges"))
    {
        if exchange["to"] != "gateway" || !exchange["request_body_hex"].is_string() {
            continue;
        }
        let body = hex(exchange, "request_body_hex");
        let invocation = Message::decode(&body)
            .unwrap()
            .invocations()
            .unwrap()
            .remove(0);
        let attestation = invocation.proofs()[1].delegation().cloned().unwrap();
        let serve_attestation = invocation
            .blocks()
            .iter()
            .filter_map(|block| Delegation::view(&block.cid, invocation.blocks()).ok())
            .find(|one| {
                one.capabilities()[0].can == "ucan/attest" && one.cid() != attestation.cid()
            })
            .unwrap();
        let space = Did::parse(&invocation.capabilities()[0].with).unwrap();
        let proof = first_proof(&first_proof(&invocation));
        let (migration, gateway) = (
            key_of(&file, invocation.issuer()),
            key_of(&file, invocation.audience()),
        );
        let upload_service = key_of(&file, serve_attestation.issuer());
        let parties = Grant {
            migration: &migration,
            upload_service: &upload_service,
            gateway: &gateway,
            space: &space,
            proof: &proof,
        };
        let ours = grant(parties, Expiration::At(invocation.expiration().unwrap())).unwrap();
        assert_eq!(ours.cid(), invocation.cid());
        assert_eq!(Message::request(&[ours]).unwrap().encode(), body);
        seen += 1;
    }
    assert!(seen > 0, "no message to the gateway");
}
