//! `keys.json`: ed25519 keys in all their forms, and varsig codes.

use serde_json::Value;
use sterna::proto::key::Signer;
use sterna::proto::{Did, Signature, Verifier, signature};

use crate::load::{did, hex, load, section, text, unhex};

fn keys() -> Vec<Value> {
    section(&load("keys.json"), "keys").to_vec()
}

fn of_seed(key: &Value) -> Signer {
    Signer::from_seed(hex(key, "seed_hex").try_into().unwrap())
}

#[test]
fn keys_have_the_same_forms() {
    for key in keys() {
        let signer = of_seed(&key);
        assert_eq!(signer.archive_bytes(), hex(&key, "private_multiformat_hex"));
        assert_eq!(signer.to_secret_text(), text(&key, "private_string"));
        assert_eq!(signer.did(), &did(&key, "did"));
        assert_eq!(signer.key_did(), signer.did());
        assert_eq!(signer.did().to_bytes(), hex(&key, "principal_bytes_hex"));
        assert_eq!(signer.did().to_bytes()[2..], hex(&key, "public_key_hex"));
        assert_eq!(
            Did::from_bytes(&hex(&key, "principal_bytes_hex")).unwrap(),
            did(&key, "did")
        );
    }
}

#[test]
fn keys_are_read_back() {
    for key in keys() {
        let parsed = Signer::parse(text(&key, "private_string")).unwrap();
        assert_eq!(parsed.archive_bytes(), of_seed(&key).archive_bytes());
        let archive = &key["archive"];
        let id = did(archive, "id");
        let kept = Signer::from_archive_bytes(&hex(&archive["keys"], id.as_str())).unwrap();
        assert_eq!(kept.did(), &id);
    }
}

#[test]
fn a_key_whose_halves_do_not_belong_together_is_refused() {
    for key in keys() {
        let mut bytes = hex(&key, "private_multiformat_hex");
        bytes[2] ^= 1;
        assert!(Signer::from_archive_bytes(&bytes).is_err());
        assert!(Signer::from_archive_bytes(&bytes[..67]).is_err());
        assert!(Signer::parse(&text(&key, "private_string")[1..]).is_err());
    }
}

#[test]
fn signatures_are_the_same_and_verify() {
    for key in keys() {
        let (signer, message) = (of_seed(&key), text(&key, "message_utf8").as_bytes());
        let signature = signer.sign(message);
        assert_eq!(signature.raw(), hex(&key, "signature_raw_hex"));
        assert_eq!(signature.as_bytes(), hex(&key, "signature_varsig_hex"));
        let read = Signature::from_bytes(&hex(&key, "signature_varsig_hex")).unwrap();
        assert_eq!(read, signature);
        assert_eq!(read.algorithm(), "EdDSA");
        let verifier = Verifier::from_did(&did(&key, "did")).unwrap();
        assert!(verifier.verify(message, &read));
        assert!(!verifier.verify(b"another message", &read));
        assert!(!verifier.verify(message, &Signature::absentee()));
    }
}

#[test]
fn varsig_codes_are_the_same() {
    let varsig = &load("keys.json")["varsig"];
    assert_eq!(
        Signature::absentee().as_bytes(),
        hex(varsig, "absentee_hex")
    );
    assert!(
        Signature::from_bytes(&hex(varsig, "absentee_hex"))
            .unwrap()
            .is_absentee()
    );
    let named = &varsig["nonstandard_named"];
    let made = Signature::non_standard(text(named, "name"), &unhex(text(named, "raw_hex")));
    assert_eq!(made.as_bytes(), hex(named, "hex"));
    let read = Signature::from_bytes(&hex(named, "hex")).unwrap();
    assert_eq!(
        (read.algorithm(), read.raw()),
        (text(named, "name"), &hex(named, "raw_hex")[..])
    );
    assert!(!read.is_absentee());
    let codes = varsig["codes"].as_object().unwrap();
    assert!(!codes.is_empty());
    for (name, code) in codes {
        let code = code.as_u64().unwrap();
        let known = signature::STANDARD.contains(&(code, name.as_str()));
        assert!(known || code == signature::NON_STANDARD, "{name}");
    }
}
