//! `claims.json`: claims as delegations.

use std::collections::BTreeMap;

use serde_json::Value;
use sterna::proto::Signer;
use sterna::proto::claims::{Claim, Content, Equals, Index, Location, Range, relocate};
use sterna::proto::ucan::{Capability, Draft, Expiration, archive, extract};

use crate::load::{cid, did, hex, ipld, load, name, section, signer, text};

/// The signers of a file by DID.
fn signers(file: &Value) -> BTreeMap<String, Signer> {
    let actors = file["actors"].as_object().expect("actors");
    let signers: BTreeMap<_, _> = actors
        .values()
        .filter_map(signer)
        .map(|signer| (signer.did().to_string(), signer))
        .collect();
    assert!(!signers.is_empty());
    signers
}

/// The capability of a vector as it stands there.
fn stated(vector: &Value) -> Capability {
    let capability = &vector["capability"];
    Capability::new(text(capability, "can"), text(capability, "with")).nb(ipld(&capability["nb"]))
}

#[test]
fn claims_are_read_typed_and_written_back_to_the_same_bytes() {
    let file = load("claims.json");
    let signers = signers(&file);
    for vector in section(&file, "vectors") {
        let delegation = extract(&hex(vector, "archive_hex")).unwrap();
        assert_eq!(delegation.cid(), &cid(vector, "cid"), "{}", name(vector));
        assert_eq!(delegation.block().bytes, hex(vector, "bytes_hex"));
        assert_eq!(delegation.capabilities(), [stated(vector)]);
        let claim = Claim::of(&delegation).unwrap();
        let with = did(&vector["capability"], "with");
        let written = match &claim {
            Claim::Location(claim) => claim.capability(&with),
            Claim::Index(claim) => claim.capability(&with),
            Claim::Equals(claim) => claim.capability(&with),
            Claim::Cache(claim) => claim.capability(&with),
            Claim::Other { .. } => continue,
        };
        assert_eq!(written, stated(vector), "{}", name(vector));
        let end = delegation
            .expiration()
            .map_or(Expiration::Never, Expiration::At);
        let again = Draft::new(&signers[text(vector, "issuer")], &did(vector, "audience"))
            .capability(written)
            .expiration(end)
            .sign()
            .unwrap();
        assert_eq!(again.cid(), delegation.cid(), "{}", name(vector));
        assert_eq!(archive(&again).unwrap(), hex(vector, "archive_hex"));
        assert!(again.verify(&signers[text(vector, "issuer")].verifier()));
    }
}

#[test]
fn fields_of_claims_are_those_of_the_vector() {
    let file = load("claims.json");
    for vector in section(&file, "vectors") {
        let nb = &vector["capability"]["nb"];
        let claim = Claim::read(&stated(vector)).unwrap();
        match claim.content() {
            Some(Content::Link(link)) => assert_eq!(link.to_string(), text(&nb["content"], "/")),
            Some(Content::Digest(hash)) => {
                assert_eq!(
                    ipld(&nb["content"]["digest"]),
                    ipld_core::ipld::Ipld::Bytes(hash.as_bytes().to_vec())
                );
            }
            None => continue,
        }
        match claim {
            Claim::Location(Location {
                location,
                range,
                space,
                ..
            }) => {
                assert_eq!(serde_json::json!(location), nb["location"]);
                assert_eq!(
                    range.map(|range| range.offset),
                    nb["range"]["offset"].as_u64()
                );
                assert_eq!(
                    range.and_then(|range| range.length),
                    nb["range"]["length"].as_u64()
                );
                let bytes = space.map(|space| ipld_core::ipld::Ipld::Bytes(space.to_bytes()));
                assert_eq!(bytes, nb.get("space").map(ipld), "{}", name(vector));
            }
            Claim::Index(Index { index, .. }) => {
                assert_eq!(index.to_string(), text(&nb["index"], "/"));
            }
            Claim::Equals(Equals { equals, .. }) => {
                assert_eq!(equals.to_string(), text(&nb["equals"], "/"));
            }
            Claim::Cache(_) | Claim::Other { .. } => {}
        }
    }
}

/// Every location claim of the shape that the migration publishes comes out of its builder byte for byte.
#[test]
fn the_migrations_own_claim_is_the_same_bytes() {
    let file = load("claims.json");
    let signers = signers(&file);
    let mut seen = 0;
    for vector in section(&file, "vectors") {
        let delegation = extract(&hex(vector, "archive_hex")).unwrap();
        let Ok(Claim::Location(Location {
            content: Content::Digest(hash),
            location,
            range:
                Some(Range {
                    offset: 0,
                    length: Some(size),
                }),
            space: Some(space),
        })) = Claim::of(&delegation)
        else {
            continue;
        };
        let issuer = &signers[text(vector, "issuer")];
        let own =
            issuer.did() == &did(&vector["capability"], "with") && space == did(vector, "audience");
        if !own || delegation.expiration().is_some() || location.len() != 1 {
            continue;
        }
        let claim = relocate(issuer, &space, &hash, &location[0], size).unwrap();
        assert_eq!(claim.cid(), delegation.cid(), "{}", name(vector));
        assert_eq!(archive(&claim).unwrap(), hex(vector, "archive_hex"));
        seen += 1;
    }
    assert!(
        seen > 0,
        "no claim of the shape that the migration publishes"
    );
}
