//! The golden vectors, for tests of this room.

use std::path::PathBuf;

use serde_json::Value;

use super::identity::Keys;
use crate::proto::{Did, Signer};

/// One file of vectors: those of the folder `STERNA_VECTORS`, else the project's own.
pub(crate) fn read(name: &str) -> Value {
    #[expect(
        clippy::disallowed_methods,
        reason = "the tests' own switch, not a setting of the program"
    )]
    let folder = std::env::var("STERNA_VECTORS");
    let folder = folder.map_or_else(
        |_| PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/vectors")),
        PathBuf::from,
    );
    serde_json::from_slice(&std::fs::read(folder.join(name)).unwrap()).unwrap()
}

/// A member that must be there.
pub(crate) fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value[name]
        .as_str()
        .unwrap_or_else(|| panic!("no text {name} in {value}"))
}

/// A list that must be there and hold something.
pub(crate) fn list<'a>(value: &'a Value, name: &str) -> &'a [Value] {
    let list = value[name]
        .as_array()
        .unwrap_or_else(|| panic!("no list {name}"));
    assert!(!list.is_empty(), "{name} is empty");
    list
}

/// Bytes in hexadecimal.
pub(crate) fn hex(text: &str) -> Vec<u8> {
    let digits = text.as_bytes().chunks(2);
    digits
        .map(|two| u8::from_str_radix(std::str::from_utf8(two).unwrap(), 16).unwrap())
        .collect()
}

/// The key of an actor, under its DID.
pub(crate) fn signer(actor: &Value) -> Signer {
    let seed = hex(text(actor, "seed_hex")).try_into().unwrap();
    Signer::from_seed(seed).with_did(Did::parse(text(actor, "did")).unwrap())
}

/// The keys of a network whose services are these actors.
pub(crate) fn keys(actors: &Value) -> Keys {
    let own = Keys::from_seed(1).unwrap();
    Keys {
        upload: signer(&actors["upload"]),
        node: signer(&actors["storage"]),
        indexer: signer(&actors["indexer"]),
        gateway: signer(&actors["gateway"]),
        claims: signer(&actors["claims"]),
        ..own
    }
}
