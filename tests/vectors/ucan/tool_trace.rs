//! `tool-trace.json`: the messages, proofs and archives of the JavaScript tool.

use serde_json::Value;
use sterna::proto::ucan::{archive, extract, format_proof, from_bytes, parse_proof, to_bytes};

use super::conversation::Keyring;
use super::messages::outcome;
use crate::load::{cid, did, hex, load, name, section, text};

/// All exchanges of the file with the name of their run.
fn exchanges(file: &Value) -> Vec<(&str, &Value)> {
    let of_run = |run| {
        section(run, "exchanges")
            .iter()
            .map(move |exchange| (name(run), exchange))
    };
    section(file, "runs")
        .iter()
        .filter(|run| {
            run["exchanges"]
                .as_array()
                .is_some_and(|all| !all.is_empty())
        })
        .flat_map(of_run)
        .collect()
}

#[test]
fn every_message_is_read_and_made_again() {
    let (file, keys) = (load("tool-trace.json"), Keyring::of_all_files());
    let mut seen = 0;
    for (run, exchange) in exchanges(&file)
        .into_iter()
        .filter(|(_, exchange)| exchange["request_body_hex"].is_string())
    {
        let request = keys.check_message(&hex(exchange, "request_body_hex"));
        let invocations = request.invocations().unwrap();
        for (invocation, expected) in invocations.iter().zip(section(exchange, "invocations")) {
            assert_eq!(invocation.cid(), &cid(expected, "cid"), "{run}");
            assert_eq!(
                invocation.capabilities()[0].can,
                text(expected, "can"),
                "{run}"
            );
            assert_eq!(invocation.issuer(), &did(expected, "issuer"), "{run}");
            assert_eq!(invocation.audience(), &did(expected, "audience"), "{run}");
        }
        let blocks: Vec<_> = request
            .blocks()
            .iter()
            .map(|block| block.cid.to_string())
            .collect();
        let expected: Vec<_> = section(exchange, "request_blocks")
            .iter()
            .map(|block| text(block, "cid"))
            .collect();
        assert_eq!(blocks, expected, "{run}");
        let reply = keys.check_message(&hex(exchange, "response_body_hex"));
        let receipts = invocations
            .iter()
            .map(|invocation| reply.receipt(invocation.cid()).unwrap().unwrap());
        if let Some(outs) = exchange["outs"].as_array() {
            for (receipt, out) in receipts.zip(outs) {
                assert_eq!(receipt.outcome(), &outcome(out), "{run}");
            }
        }
        seen += 1;
    }
    assert!(seen > 0);
}

#[test]
fn stored_claims_are_archives_that_are_written_the_same() {
    let (file, keys) = (load("tool-trace.json"), Keyring::of_all_files());
    let mut seen = 0;
    let stored = exchanges(&file)
        .into_iter()
        .filter(|(_, exchange)| exchange["content_type"] == "application/car");
    for (run, bytes) in stored
        .filter(|(_, exchange)| exchange["body_hex"].is_string())
        .map(|(run, exchange)| (run, hex(exchange, "body_hex")))
    {
        // Other CARs than archives may be stored too.
        let Ok(delegation) = extract(&bytes) else {
            continue;
        };
        keys.check_delegation(&delegation);
        assert_eq!(archive(&delegation).unwrap(), bytes, "{run}");
        seen += 1;
    }
    assert!(seen > 0);
}

#[test]
fn proofs_of_the_environment_are_read_and_written_the_same() {
    let (file, keys) = (load("tool-trace.json"), Keyring::of_all_files());
    for key in ["indexing_service_proof", "gateway_validator_proof"] {
        let proof = parse_proof(text(&file, key)).unwrap();
        keys.check_delegation(&proof);
        assert_eq!(format_proof(&proof).unwrap(), text(&file, key));
    }
    let stored = &file["space_to_account"];
    let bytes = hex(stored, "delegations_to_bytes_hex");
    let read = from_bytes(&bytes).unwrap();
    assert_eq!(read[0].cid(), &cid(stored, "cid"));
    keys.check_delegation(&read[0]);
    assert_eq!(to_bytes(&read), bytes);
}

#[test]
fn what_the_gateway_stored_came_in_a_message_of_the_tool() {
    let (file, keys) = (load("tool-trace.json"), Keyring::of_all_files());
    let sent: Vec<_> = exchanges(&file)
        .into_iter()
        .filter(|(_, exchange)| exchange["request_body_hex"].is_string())
        .map(|(_, exchange)| keys.check_message(&hex(exchange, "request_body_hex")))
        .collect();
    for entry in section(&file, "gateway_kv") {
        let delegation = extract(&hex(entry, "value_hex")).unwrap();
        assert_eq!(archive(&delegation).unwrap(), hex(entry, "value_hex"));
        assert!(text(entry, "key").ends_with(&format!(":{}", delegation.cid())));
        assert_eq!(delegation.expiration(), entry["expiration"].as_u64());
        assert!(
            sent.iter()
                .any(|message| message.blocks().contains(delegation.cid()))
        );
    }
}
