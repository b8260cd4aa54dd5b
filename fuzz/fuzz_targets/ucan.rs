//! Delegation archives, bundles of delegations, proof strings and messages.

#![no_main]

use libfuzzer_sys::fuzz_target;
use sterna::proto::message::Message;
use sterna::proto::ucan::{extract, from_bytes, parse_proof};

fuzz_target!(|bytes: &[u8]| {
    if let Ok(delegation) = extract(bytes) {
        let _ = (delegation.export(), delegation.proofs());
    }
    let _ = from_bytes(bytes);
    if let Ok(message) = Message::decode(bytes) {
        let _ = message.invocations();
    }
    if let Ok(text) = std::str::from_utf8(bytes) {
        let _ = parse_proof(text);
    }
});
