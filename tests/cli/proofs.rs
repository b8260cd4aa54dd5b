//! Proofs are checked before anything is done with them.

use crate::run::{Place, Ran, did, key};

const INDEXER: &str = "did:web:staging.indexer.storacha.network";

/// A proof from the indexing service, as the tool itself issues it.
struct Asked<'a> {
    audience: String,
    can: &'a str,
    with: &'a str,
    expiration: &'a str,
}

impl Default for Asked<'_> {
    fn default() -> Self {
        Self {
            audience: did(1),
            can: "claim/cache",
            with: INDEXER,
            expiration: "never",
        }
    }
}

/// Runs `verify` on staging with keys that fit and this proof.
fn verify_with(asked: &Asked<'_>) -> Ran {
    let issuing = Place::new();
    issuing.file("indexer.key", key(9));
    let proof = issuing
        .sterna([
            "ucan",
            "issue",
            "--key-file",
            "indexer.key",
            "--issuer-did",
            INDEXER,
            "--audience",
            &asked.audience,
            "--can",
            asked.can,
            "--with",
            asked.with,
            "--expiration",
            asked.expiration,
        ])
        .ends(0)
        .text();
    let place = Place::new()
        .env("MIGRATION_AGENT_PRIVATE_KEY", &key(1))
        .env("INDEXING_SERVICE_PROOF", &proof);
    place.sterna(["verify", "--env", "staging"]).ends(2)
}

#[test]
fn a_good_proof_is_no_fault() {
    let ran = verify_with(&Asked::default());
    assert!(
        !ran.stderr.contains("INDEXING_SERVICE_PROOF"),
        "{}",
        ran.stderr
    );
    ran.tells(&["UPLOAD_SERVICE_PRIVATE_KEY", "3 settings"]);
}

#[test]
fn a_proof_for_another_audience_is_refused() {
    let ran = verify_with(&Asked {
        audience: did(2),
        ..Asked::default()
    });
    ran.tells(&[
        &format!(
            "was given to {}, but MIGRATION_AGENT_PRIVATE_KEY is {}",
            did(2),
            did(1)
        ),
        "sterna ucan show",
    ]);
}

#[test]
fn an_expired_proof_is_refused() {
    let ran = verify_with(&Asked {
        expiration: "1700000000",
        ..Asked::default()
    });
    ran.tells(&["INDEXING_SERVICE_PROOF", "expired"]);
}

#[test]
fn a_proof_of_something_else_is_refused() {
    let other = verify_with(&Asked {
        can: "assert/index",
        ..Asked::default()
    });
    other.tells(&["gives assert/index on", "not claim/cache on"]);
    let elsewhere = verify_with(&Asked {
        with: "did:web:indexer.storacha.network",
        ..Asked::default()
    });
    elsewhere.tells(&["gives claim/cache on did:web:indexer.storacha.network, not"]);
}

#[test]
fn all_that_is_wrong_with_a_proof_is_reported_at_once() {
    let ran = verify_with(&Asked {
        audience: did(2),
        can: "assert/index",
        expiration: "1700000000",
        ..Asked::default()
    });
    ran.tells(&["was given to", "gives assert/index", "expired"]);
}
