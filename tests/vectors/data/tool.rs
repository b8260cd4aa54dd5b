//! `tool.json`: context ids, metadata, addresses, envelopes, subscription ids.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use sterna::proto::claims::Range;
use sterna::proto::envelope::{Key, Version};
use sterna::proto::ipni::{
    Metadata, Multiaddr, PeerId, Purpose, context_id, decode_metadata, encode_metadata,
    text_context_id,
};
use sterna::proto::multihash::{Multihash, codec};
use sterna::proto::{Did, subscription};

use super::number;
use crate::load::{cid, did, hex, ipld, load, name, section, text};

#[test]
fn context_ids_are_over_principal_bytes() {
    let file = load("tool.json");
    for vector in section(&file, "context_ids") {
        let (space, hash) = (
            did(vector, "space"),
            Multihash::from_bytes(&hex(vector, "multihash_hex")).unwrap(),
        );
        let right = context_id(Some(&space), &hash);
        assert_eq!(right.as_bytes(), hex(vector, "service_hex"));
        assert_eq!(
            STANDARD.encode(right.as_bytes()),
            text(vector, "service_base64")
        );
        assert_eq!(
            [space.to_bytes(), hash.as_bytes().to_vec()].concat(),
            hex(vector, "input_hex")
        );
        assert_eq!(
            text_context_id(&space, &hash).as_bytes(),
            hex(vector, "tool_hex")
        );
        assert_eq!(context_id(None, &hash), Multihash::sha256(hash.as_bytes()));
    }
}

#[test]
fn metadata_is_the_same_bytes_both_ways() {
    let file = load("tool.json");
    let mut all = Vec::new();
    for vector in section(&file, "location_metadata") {
        let input = &vector["input"];
        let range = input["range"].as_array().map(|range| Range {
            offset: range[0].as_u64().unwrap(),
            length: range.get(1).and_then(Value::as_u64),
        });
        let metadata = Metadata::Location {
            claim: cid(input, "claim"),
            expiration: number(input, "expiration"),
            range,
            shard: input["shard"].as_str().map(|_| cid(input, "shard")),
        };
        let bytes = hex(vector, "hex");
        assert_eq!(
            encode_metadata(std::slice::from_ref(&metadata)),
            bytes,
            "{}",
            name(vector)
        );
        assert_eq!(
            decode_metadata(&bytes).unwrap(),
            std::slice::from_ref(&metadata)
        );
        let map = bytes.iter().position(|byte| byte & 0x80 == 0).unwrap() + 1;
        assert_eq!(
            sterna::proto::cbor::decode(&bytes[map..]).unwrap(),
            ipld(&vector["dag_json"])
        );
        all.push(metadata);
    }
    assert_eq!(decode_metadata(&encode_metadata(&all)).unwrap(), all);
}

#[test]
fn addresses_are_read_and_written_in_both_forms() {
    let file = load("tool.json");
    let mut addresses = 0;
    for environment in file["environments"]
        .as_object()
        .expect("environments")
        .values()
    {
        for address in environment["addresses"]
            .as_object()
            .expect("addresses")
            .values()
        {
            if address["multihash_hex"].is_string() {
                peer(address);
                continue;
            }
            let parsed = Multiaddr::parse(text(address, "text")).unwrap();
            assert_eq!(parsed.to_string(), text(address, "text"));
            assert_eq!(parsed.to_bytes(), hex(address, "go_hex"));
            assert_eq!(parsed.to_js_bytes(), hex(address, "hex"));
            for form in ["hex", "go_hex"] {
                assert_eq!(Multiaddr::from_bytes(&hex(address, form)).unwrap(), parsed);
            }
            template(&parsed);
            addresses += 1;
        }
    }
    assert!(addresses > 0);
}

fn peer(address: &Value) {
    let peer = PeerId::parse(text(address, "text")).unwrap();
    assert_eq!(peer.hash().as_bytes(), hex(address, "multihash_hex"));
    assert_eq!(peer.to_string(), text(address, "text"));
    let key = peer.did().expect("an ed25519 key");
    assert_eq!(PeerId::of(&key).unwrap(), peer);
}

/// Placeholders become what is asked for, and nothing of them is left.
fn template(address: &Multiaddr) {
    let hash = Multihash::sha256(b"blob");
    let shard = hash.cid(codec::CAR).unwrap();
    let url = match address.purpose() {
        Purpose::Claim => address.claim_url(&shard),
        Purpose::Blob => address.blob_url(&hash, Some(&shard)),
        Purpose::Plain => address.url().ok(),
    };
    let url = url.unwrap();
    assert!(!url.contains('{') && url::Url::parse(&url).is_ok(), "{url}");
    let again =
        Multiaddr::from_url(&address.url().unwrap(), sterna::proto::ipni::Port::Always).unwrap();
    assert_eq!(again.url().unwrap(), address.url().unwrap());
}

#[test]
fn old_envelopes_open_and_are_made_again() {
    let file = load("tool.json");
    for vector in section(&file, "private_key_envelopes") {
        let key = Key::from_bytes(hex(vector, "key_hex").try_into().unwrap());
        let anyone = Did::mailto("someone@example.com").unwrap();
        let (envelope, secret) = (text(vector, "envelope"), text(vector, "plaintext"));
        let opened = key.open(&anyone, envelope).unwrap();
        assert_eq!(
            (opened.secret.as_str(), opened.version),
            (secret, Version::One)
        );
        let iv = hex(vector, "iv_hex").try_into().unwrap();
        assert_eq!(
            key.seal_with(Version::One, &anyone, secret, iv).unwrap(),
            envelope
        );
        let bound = key.seal(&anyone, secret).unwrap();
        let opened = key.open(&anyone, &bound).unwrap();
        assert_eq!(
            (opened.secret.as_str(), opened.version),
            (secret, Version::Two)
        );
    }
}

#[test]
fn subscription_ids_follow_from_the_space() {
    let file = load("tool.json");
    for vector in section(&file, "subscription_ids") {
        let consumer = did(vector, "consumer");
        assert_eq!(subscription::block(&consumer), hex(vector, "cbor_hex"));
        assert_eq!(subscription::id(&consumer), cid(vector, "subscription"));
    }
}
