//! Reading vector files and the values in them. Everything that is missing fails the test.

use std::path::PathBuf;

use cid::Cid;
use ipld_core::ipld::Ipld;
use serde_json::Value;
use sterna::proto::{Did, Signer, json};

/// Where the vectors lie.
pub(crate) fn folder() -> PathBuf {
    #[expect(
        clippy::disallowed_methods,
        reason = "the folder of vectors is a setting of the test binary"
    )]
    let set = std::env::var_os("STERNA_VECTORS");
    set.map_or_else(
        || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/vectors"),
        PathBuf::from,
    )
}

/// Reads a vector file, such as `keys.json`.
pub(crate) fn load(file: &str) -> Value {
    let path = folder().join(file);
    let text = std::fs::read_to_string(&path)
        .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The list under a key; must not be empty.
pub(crate) fn section<'a>(value: &'a Value, key: &str) -> &'a [Value] {
    let items = list(value, key);
    assert!(!items.is_empty(), "section {key} is empty");
    items
}

/// The list under a key.
pub(crate) fn list<'a>(value: &'a Value, key: &str) -> &'a [Value] {
    value[key]
        .as_array()
        .unwrap_or_else(|| panic!("no list {key}"))
}

/// The texts of the list under a key.
pub(crate) fn texts<'a>(value: &'a Value, key: &str) -> Vec<&'a str> {
    list(value, key)
        .iter()
        .map(|item| {
            item.as_str()
                .unwrap_or_else(|| panic!("{key} holds no text"))
        })
        .collect()
}

/// The text under a key.
pub(crate) fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key]
        .as_str()
        .unwrap_or_else(|| panic!("no text {key}"))
}

/// The name of a vector, for messages.
pub(crate) fn name(vector: &Value) -> &str {
    vector["name"].as_str().unwrap_or("(no name)")
}

/// The bytes under a key that holds lower-case hex.
pub(crate) fn hex(value: &Value, key: &str) -> Vec<u8> {
    unhex(text(value, key))
}

/// Bytes of lower-case hex.
pub(crate) fn unhex(text: &str) -> Vec<u8> {
    assert!(text.len().is_multiple_of(2), "odd hex");
    (0..text.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap())
        .collect()
}

/// The CID under a key.
pub(crate) fn cid(value: &Value, key: &str) -> Cid {
    Cid::try_from(text(value, key)).unwrap()
}

/// The DID under a key.
pub(crate) fn did(value: &Value, key: &str) -> Did {
    Did::parse(text(value, key)).unwrap()
}

/// A value in DAG-JSON.
pub(crate) fn ipld(value: &Value) -> Ipld {
    json::from_value(value).unwrap()
}

/// The signer of an actor (`seed_hex`, `did`); nothing for an absentee.
pub(crate) fn signer(actor: &Value) -> Option<Signer> {
    let seed = unhex(actor["seed_hex"].as_str()?);
    let signer = Signer::from_seed(seed.try_into().expect("a seed has 32 bytes"));
    match actor["did"].as_str() {
        Some(did) => Some(signer.with_did(Did::parse(did).unwrap())),
        None => Some(signer),
    }
}
