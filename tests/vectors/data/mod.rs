//! The content formats: CARs, indexes, claims, query results, IPNI, envelopes, subscriptions.

mod car_edge;
mod claims;
mod index;
mod query_result;
mod tool;
mod trace;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use crate::load::text;

/// The bytes under a key that holds base64.
fn base64(value: &Value, key: &str) -> Vec<u8> {
    STANDARD.decode(text(value, key)).unwrap()
}

/// The number under a key.
fn number(value: &Value, key: &str) -> u64 {
    value[key]
        .as_u64()
        .unwrap_or_else(|| panic!("no number {key}"))
}

/// Two numbers, such as a position.
fn pair(value: &Value) -> (u64, u64) {
    (value[0].as_u64().unwrap(), value[1].as_u64().unwrap())
}
