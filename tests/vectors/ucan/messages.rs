//! `messages.json`: requests, replies, receipts, refusals of the transport, `ucan/conclude`.

use serde_json::Value;
use sterna::proto::message::{
    CONTENT_TYPE, Message, Outcome, Receipt, conclude, concluded, find_receipt, negotiate,
};
use sterna::proto::{Block, Blocks, cbor, json};

use super::conversation::{Keyring, task_cids};
use super::delegations::{assert_outline, outline};
use crate::load::{cid, did, hex, ipld, list, load, name, section, signer, text, texts};

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

#[test]
fn conclusions_are_the_same_and_read_back() {
    let keys = Keyring::of_all_files();
    for vector in section(&load("messages.json"), "conclude") {
        let body = hex(&vector["request"], "body_hex");
        let message = keys.check_message(&body);
        assert_outline(&body, &vector["request"]["car"]);
        let expected = &vector["invocation"];
        let [invocation] = &message.invocations().unwrap()[..] else {
            panic!("one invocation")
        };
        assert_eq!(invocation.cid(), &cid(expected, "cid"));
        assert_eq!(
            json::to_value(&cbor::decode(&invocation.block().bytes).unwrap()).unwrap(),
            expected["dag_json"]
        );
        let order: Vec<_> = invocation
            .export()
            .iter()
            .map(|block| block.cid.to_string())
            .collect();
        assert_eq!(order, texts(expected, "export_order"));

        let receipt = concluded(invocation).unwrap();
        let given = &vector["receipt"];
        assert_eq!(receipt.cid(), &cid(given, "cid"));
        assert_eq!(&receipt.block().bytes[..], hex(given, "root_hex"));
        assert_eq!(
            cbor::encode(&ipld(&given["dag_json"])).unwrap(),
            hex(given, "root_hex")
        );
        keys.check_receipt(&receipt);

        // The receipt with the blocks that the vector names, and only those.
        let blocks: Blocks = texts(given, "block_order")
            .into_iter()
            .map(|cid| message.blocks().get(&cid.parse().unwrap()).unwrap())
            .collect();
        let lone = Receipt::view(receipt.cid(), &blocks).unwrap();
        let exported: Vec<_> = lone
            .export()
            .iter()
            .map(|block| block.cid.to_string())
            .collect();
        assert_eq!(
            sorted(exported),
            sorted(
                texts(given, "block_order")
                    .into_iter()
                    .map(str::to_owned)
                    .collect()
            )
        );
        let again = conclude(
            &keys.signer_of(invocation.issuer()),
            invocation.audience(),
            &lone,
        )
        .unwrap();
        assert_eq!(again.cid(), invocation.cid(), "{}", name(vector));
        assert_eq!(
            Message::request(&[again]).unwrap().encode(),
            body,
            "{}",
            name(vector)
        );
        let found = find_receipt(&message, receipt.ran().cid())
            .unwrap()
            .unwrap();
        assert_eq!(found.cid(), receipt.cid());
        assert!(list(&vector["request"]["car"], "roots").len() == 1);
    }
}

fn sorted(mut items: Vec<String>) -> Vec<String> {
    items.sort();
    items
}
