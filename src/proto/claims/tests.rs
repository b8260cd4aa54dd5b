//! Claims as old and odd data hold them.

use ipld_core::ipld::Ipld;

use super::*;
use crate::proto::multihash::{Multihash, codec};
use crate::proto::ucan::Capability;
use crate::proto::{Did, Signer};

fn space() -> Did {
    Signer::from_seed([1; 32]).did().clone()
}

fn location() -> Capability {
    let location = Location {
        content: Content::Digest(Multihash::sha256(b"blob")),
        location: vec!["https://a.example/b".into()],
        range: None,
        space: None,
    };
    location.capability(&space())
}

#[test]
fn a_space_is_read_from_bytes_and_from_text_and_written_as_bytes() {
    let bytes = location().caveat("space", Ipld::Bytes(space().to_bytes()));
    let text = location().caveat("space", space().as_str().to_owned());
    let Claim::Location(read) = Claim::read(&bytes).unwrap() else {
        panic!("a location")
    };
    assert_eq!(Claim::read(&text).unwrap(), Claim::Location(read.clone()));
    assert_eq!(read.space, Some(space()));
    assert_eq!(read.capability(&space()), bytes);
    let odd = location().caveat("space", Ipld::Integer(5));
    assert!(matches!(
        Claim::read(&odd),
        Err(ClaimError::Malformed { name: "space", .. })
    ));
    assert!(matches!(
        Claim::read(&location().caveat("space", Ipld::Null)),
        Ok(Claim::Location(_))
    ));
}

#[test]
fn content_is_a_link_or_a_digest_and_both_have_one_hash() {
    let hash = Multihash::sha256(b"blob");
    let link = location().caveat("content", Ipld::Link(hash.cid(codec::CAR).unwrap()));
    let (a, b) = (
        Claim::read(&link).unwrap(),
        Claim::read(&location()).unwrap(),
    );
    assert_eq!(a.content().unwrap().hash(), hash);
    assert_eq!(b.content().unwrap().hash(), hash);
}

#[test]
fn what_is_wrong_is_named() {
    let missing = Capability::new("assert/index", "did:key:x");
    assert_eq!(
        Claim::read(&missing),
        Err(ClaimError::Missing {
            can: "assert/index".into(),
            name: "content"
        })
    );
    let malformed = |name, value| Claim::read(&location().caveat(name, value));
    assert!(matches!(
        malformed("location", Ipld::List(vec![])),
        Err(ClaimError::Malformed {
            name: "location",
            ..
        })
    ));
    assert!(matches!(
        malformed("range", Ipld::Integer(1)),
        Err(ClaimError::Malformed { name: "range", .. })
    ));
    let negative = Ipld::Map([("offset".to_owned(), Ipld::Integer(-1))].into());
    assert!(matches!(
        malformed("range", negative),
        Err(ClaimError::Malformed { name: "range", .. })
    ));
    let digest = Ipld::Map([("digest".to_owned(), Ipld::Bytes(vec![0x12, 0x20, 1]))].into());
    assert!(matches!(
        malformed("content", digest),
        Err(ClaimError::Multihash { .. })
    ));
}

#[test]
fn claims_of_other_kinds_are_no_error() {
    let relation = Capability::new("assert/relation", "did:key:x");
    assert_eq!(
        Claim::read(&relation),
        Ok(Claim::Other {
            can: "assert/relation".into()
        })
    );
}

#[test]
fn the_same_input_is_the_same_claim() {
    let signer = Signer::from_seed([2; 32]);
    let claim = || {
        relocate(
            &signer,
            &space(),
            &Multihash::sha256(b"blob"),
            "https://a.example/b",
            4,
        )
        .unwrap()
    };
    assert_eq!(claim().cid(), claim().cid());
    let Ok(Claim::Location(location)) = Claim::of(&claim()) else {
        panic!("a location")
    };
    assert!(location.range.unwrap().covers(4));
    assert!(!location.range.unwrap().covers(5));
}
