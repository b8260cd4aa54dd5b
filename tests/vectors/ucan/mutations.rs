//! Broken forms of every vector: readers refuse or accept, but never panic, and never accept a changed block.

use proptest::prelude::*;
use serde_json::Value;
use sterna::proto::message::{Message, inspect};
use sterna::proto::ucan::{Ucan, extract, from_bytes, parse_proof, read_any};
use sterna::proto::{Did, Signature, cbor};

use crate::load::{load, unhex};

/// All hex texts of a file, as bytes, and all proof strings.
fn samples() -> Vec<Vec<u8>> {
    let mut found = Vec::new();
    for file in [
        "delegations.json",
        "delegations-bytes.json",
        "ucan-decode.json",
        "messages.json",
        "keys.json",
    ] {
        collect(&load(file), &mut found);
    }
    assert!(!found.is_empty());
    found
}

fn collect(value: &Value, found: &mut Vec<Vec<u8>>) {
    match value {
        Value::Object(entries) => {
            for (key, value) in entries {
                match value {
                    Value::String(text) if key.ends_with("hex") => found.push(unhex(text)),
                    Value::String(text) if key == "proof_string" => {
                        found.push(text.clone().into_bytes());
                    }
                    _ => collect(value, found),
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|item| collect(item, found)),
        _ => {}
    }
}

/// Hands bytes to every reader.
fn read_all(bytes: &[u8]) {
    let _ = cbor::decode(bytes);
    let _ = Ucan::decode(bytes).map(|ucan| ucan.signed_text());
    let _ = Signature::from_bytes(bytes).map(|signature| signature.is_absentee());
    let _ = Did::from_bytes(bytes).map(|did| assert_eq!(Did::parse(did.as_str()).unwrap(), did));
    let _ = extract(bytes).map(|delegation| delegation.export());
    let _ = from_bytes(bytes);
    let _ = read_any(bytes);
    let _ = inspect(bytes, &|_| None);
    if let Ok(text) = std::str::from_utf8(bytes) {
        let _ = parse_proof(text);
        let _ = Did::parse(text);
    }
    if let Ok(message) = Message::decode(bytes) {
        let _ = message.invocations();
        let _ = message.receipts().map(|receipts| {
            receipts
                .iter()
                .map(|receipt| receipt.export().len())
                .sum::<usize>()
        });
    }
}

#[test]
fn cut_vectors_never_panic() {
    for sample in samples() {
        for end in (0..sample.len()).step_by(sample.len() / 16 + 1) {
            read_all(&sample[..end]);
        }
    }
}

#[test]
fn deeply_nested_cbor_is_refused() {
    for opening in [0x81u8, 0xa1, 0x9f, 0xd8, 0xc6] {
        read_all(&vec![opening; 1 << 20]);
        assert!(cbor::decode(&vec![opening; 1 << 20]).is_err());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn changed_vectors_never_panic(
        pick: prop::sample::Index,
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
    ) {
        thread_local!(static SAMPLES: Vec<Vec<u8>> = samples());
        let mut sample = SAMPLES.with(|samples| pick.get(samples).clone());
        for (at, byte) in changes {
            if !sample.is_empty() {
                let at = at.index(sample.len());
                sample[at] = byte;
            }
        }
        read_all(&sample);
    }

    #[test]
    fn any_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..512)) {
        read_all(&bytes);
    }
}
