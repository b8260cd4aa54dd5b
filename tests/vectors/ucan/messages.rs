//! `messages.json`: requests, replies, receipts, refusals of the transport, `ucan/conclude`.

use ipld_core::ipld::Ipld;
use serde_json::Value;
use sterna::proto::message::{
    CONTENT_TYPE, Effects, Message, Outcome, Receipt, Task, conclude, concluded, find_receipt,
    negotiate,
};
use sterna::proto::ucan::Delegation;
use sterna::proto::{Block, Blocks, cbor, json};

use super::conversation::{Keyring, task_cids};
use super::delegations::{assert_outline, outline};
use crate::load::{cid, did, hex, ipld, load, name, section, signer, text, texts};

/// Checks the outline of a body, and each block against its bytes and DAG-JSON.
fn assert_blocks(body: &[u8], car: &Value) {
    let (roots, blocks) = outline(body);
    assert_eq!(roots, texts(car, "roots"));
    let given = section(car, "blocks");
    assert_eq!(
        blocks,
        given
            .iter()
            .map(|block| text(block, "cid"))
            .collect::<Vec<_>>()
    );
    for block in given {
        let made = Block::new(0x71, hex(block, "bytes_hex"));
        assert_eq!(made.cid, cid(block, "cid"));
        assert_eq!(
            json::to_value(&cbor::decode(&made.bytes).unwrap()).unwrap(),
            block["dag_json"]
        );
        assert_eq!(cbor::encode(&ipld(&block["dag_json"])).unwrap(), made.bytes);
    }
}

/// The value of a receipt's `out` in a vector.
pub(crate) fn outcome(out: &Value) -> Outcome {
    match (out.get("ok"), out.get("error")) {
        (Some(value), None) => Outcome::Ok(ipld(value)),
        (None, Some(value)) => Outcome::Err(ipld(value)),
        _ => panic!("neither ok nor error"),
    }
}

fn assert_receipt(receipt: &Receipt, expected: &Value) {
    assert_eq!(receipt.cid(), &cid(expected, "receipt"));
    assert_eq!(receipt.ran().cid(), &cid(expected, "ran"));
    assert_eq!(receipt.outcome(), &outcome(&expected["out"]));
    assert_eq!(task_cids(&receipt.forks()), texts(expected, "fork"));
    assert_eq!(
        receipt.join().map(|task| task.cid().to_string()).as_deref(),
        expected["join"].as_str()
    );
    assert_eq!(receipt.issuer(), Some(&did(expected, "issuer")));
    assert_eq!(receipt.signed_bytes(), hex(expected, "outcome_hex"));
    assert_eq!(
        receipt.signature().as_bytes(),
        hex(expected, "signature_hex")
    );
    assert_eq!(&receipt.block().bytes[..], hex(expected, "root_hex"));
}

#[test]
fn requests_are_read_and_made_again() {
    let keys = Keyring::of_all_files();
    for vector in section(&load("messages.json"), "vectors") {
        let request = &vector["request"];
        let body = hex(request, "body_hex");
        let message = keys.check_message(&body);
        assert_blocks(&body, &request["car"]);
        let execute: Vec<_> = message.execute().iter().map(ToString::to_string).collect();
        assert_eq!(execute, texts(vector, "invocations"), "{}", name(vector));
        for headers in ["headers", "headers_of_request_codec"]
            .map(|key| &request[key])
            .into_iter()
            .filter(|headers| headers.is_object())
        {
            assert_eq!(
                negotiate(headers["content-type"].as_str(), headers["accept"].as_str()),
                Ok(())
            );
        }
    }
}

#[test]
fn replies_are_read_and_made_again() {
    let (file, keys) = (load("messages.json"), Keyring::of_all_files());
    let service = signer(&file["service"]).unwrap();
    for vector in section(&file, "vectors") {
        let response = &vector["response"];
        let body = hex(response, "body_hex");
        let message = keys.check_message(&body);
        assert_blocks(&body, &response["car"]);
        assert_eq!(text(&response["headers"], "content-type"), CONTENT_TYPE);
        let receipts = section(vector, "receipts");
        for expected in receipts {
            let receipt = message.receipt(&cid(expected, "ran")).unwrap().unwrap();
            assert_receipt(&receipt, expected);
            assert!(receipt.verify(&service.verifier()), "{}", name(vector));
            assert!(
                !receipt.verify(&service.verifier().with_did(service.key_did().clone())),
                "{}",
                name(vector)
            );
            let found = find_receipt(&message, &cid(expected, "ran"))
                .unwrap()
                .unwrap();
            assert_eq!(found.cid(), receipt.cid());
        }
        assert_eq!(message.report().len(), receipts.len(), "{}", name(vector));
    }
}

#[test]
fn headers_are_judged_as_the_service_judges_them() {
    for vector in section(&load("messages.json"), "transport_errors") {
        let headers = &vector["request_headers"];
        let (status, refused) = (
            vector["status"].as_u64().unwrap(),
            negotiate(headers["content-type"].as_str(), headers["accept"].as_str()),
        );
        match refused {
            Err(refused) => {
                assert_eq!(u64::from(refused.status()), status, "{}", name(vector));
                assert_eq!(
                    refused.to_string(),
                    text(vector, "body_utf8"),
                    "{}",
                    name(vector)
                );
                assert_eq!(text(&vector["headers"], "accept"), CONTENT_TYPE);
            }
            // What is wrong with such a request is its body, which the vector does not give.
            Ok(()) => assert!([200, 400].contains(&status), "{}", name(vector)),
        }
    }
}

#[test]
fn bodies_that_are_no_message_are_refused() {
    for vector in section(&load("messages.json"), "vectors") {
        let body = hex(&vector["request"], "body_hex");
        assert!(Message::decode(b"garbage").is_err());
        assert!(Message::decode(&[]).is_err());
        assert!(Message::decode(&body[..body.len() - 1]).is_err());
        let mut swapped = body.clone();
        *swapped.last_mut().unwrap() ^= 1;
        assert!(
            Message::decode(&swapped).is_err(),
            "a block that does not hash to its CID"
        );
    }
}

/// Checks the conclusion of a vector against its fields; gives it.
fn assert_conclusion(message: &Message, expected: &Value) -> Delegation {
    let [invocation] = &message.invocations().unwrap()[..] else {
        panic!("one invocation")
    };
    assert_eq!(invocation.cid(), &cid(expected, "cid"));
    let value = cbor::decode(&invocation.block().bytes).unwrap();
    assert_eq!(json::to_value(&value).unwrap(), expected["dag_json"]);
    assert_eq!(cids(&invocation.export()), texts(expected, "export_order"));
    invocation.clone()
}

fn cids(blocks: &[Block]) -> Vec<String> {
    blocks.iter().map(|block| block.cid.to_string()).collect()
}

#[test]
fn conclusions_are_the_same_and_read_back() {
    let keys = Keyring::of_all_files();
    for vector in section(&load("messages.json"), "conclude") {
        let body = hex(&vector["request"], "body_hex");
        let message = keys.check_message(&body);
        assert_outline(&body, &vector["request"]["car"]);
        let invocation = assert_conclusion(&message, &vector["invocation"]);

        let receipt = concluded(&invocation).unwrap();
        let given = &vector["receipt"];
        let root = hex(given, "root_hex");
        assert_eq!(receipt.cid(), &cid(given, "cid"));
        assert_eq!(&receipt.block().bytes[..], root);
        assert_eq!(cbor::encode(&ipld(&given["dag_json"])).unwrap(), root);
        keys.check_receipt(&receipt);
        let found = find_receipt(&message, receipt.ran().cid()).unwrap();
        assert_eq!(found.unwrap().cid(), receipt.cid());

        // The receipt with the blocks that the vector names, and only those.
        let order = texts(given, "block_order");
        let all = message.blocks();
        let blocks: Blocks = order
            .iter()
            .map(|cid| all.get(&cid.parse().unwrap()).unwrap())
            .collect();
        let lone = Receipt::view(receipt.cid(), &blocks).unwrap();
        assert_eq!(cids(&lone.export()), order);
        let key = keys.signer_of(invocation.issuer());
        let again = conclude(&key, invocation.audience(), &lone).unwrap();
        assert_eq!(again.cid(), invocation.cid(), "{}", name(vector));
        assert_eq!(
            Message::request(&[again]).unwrap().encode(),
            body,
            "{}",
            name(vector)
        );
    }
}

#[test]
fn receipts_are_found_in_all_places_that_services_file_them_under() {
    let keys = Keyring::of_all_files();
    let mut found = 0;
    for vector in section(&load("messages.json"), "conclude") {
        let message = keys.check_message(&hex(&vector["request"], "body_hex"));
        let invocation = message.invocations().unwrap().remove(0);
        let receipt = concluded(&invocation).unwrap();
        let task = *receipt.ran().cid();
        let key = keys.signer_of(invocation.issuer());
        let of_conclusion = Receipt::issue(
            &key,
            invocation.clone(),
            Outcome::done(),
            Effects::default(),
        )
        .unwrap();
        // As the answer to a second add of a blob tells what came of the first.
        let told = Effects {
            fork: vec![invocation.into()],
            join: None,
        };
        let other = Task::Link(*receipt.cid());
        let telling = Receipt::issue(&key, other, Outcome::done(), told);
        let unheard = Block::dag_cbor(&Ipld::String("no task".to_owned()))
            .unwrap()
            .cid;
        let places = [
            Message::reply(std::slice::from_ref(&receipt)).unwrap(),
            message,
            Message::reply(&[of_conclusion]).unwrap(),
            Message::reply(&[telling.unwrap()]).unwrap(),
        ];
        for place in places {
            let place = Message::decode(&place.encode()).unwrap();
            assert_eq!(
                find_receipt(&place, &task).unwrap().unwrap().cid(),
                receipt.cid()
            );
            assert!(find_receipt(&place, &unheard).unwrap().is_none());
            found += 1;
        }
    }
    assert!(found > 0);
}
