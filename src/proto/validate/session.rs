//! Issuers without a key of their own: attestations by the authority, else the keys that their DID resolves to.
//!
//! An attestation is itself a claim to prove, so this calls the walk that calls it: [`Walk`] bounds how deep.

use ipld_core::ipld::Ipld;

use super::matching::Matcher;
use super::signed::verify as verify_signature;
use super::walk::Walk;
use super::wording::item;
use super::{Derives, derives_equal};
use crate::proto::Verifier;
use crate::proto::ucan::{Caveats, Delegation};

/// The ability of attestations.
const ATTEST: &str = "ucan/attest";

/// Accepts a delegation that an attestation beside it vouches for, or that a key of its issuer signed.
pub(super) fn verify(
    walk: &Walk<'_>,
    delegation: &Delegation,
    among: &[Delegation],
    depth: u32,
) -> Result<(), String> {
    let Some(depth) = depth.checked_sub(1) else {
        return Err("The chain of attestations is too long".to_owned());
    };
    // Only attestations, or proofs that need attestations themselves would make the search explode; and never the
    // delegation itself.
    let attestations: Vec<_> = among
        .iter()
        .filter(|proof| is_attestation(proof))
        .filter(|proof| proof.cid() != delegation.cid())
        .cloned()
        .collect();
    let with = |resource: &str| attester(walk, resource);
    let nb = |caveats: Caveats| match caveats.get("proof") {
        Some(Ipld::Link(cid)) if cid == delegation.cid() => Ok(caveats),
        _ => Err(format!("Expected a link to {}", delegation.cid())),
    };
    let matcher = Matcher {
        can: ATTEST,
        with: &with,
        nb: &nb,
        derives: Derives::By(derives_equal),
    };
    match walk.claim(&matcher, &attestations, depth) {
        Ok(_) => Ok(()),
        Err(refusal) if refusal.matched => Err(format!(
            "Delegation {} issued by {} has an invalid session\n{}",
            delegation.cid(),
            delegation.issuer(),
            item(&refusal.message)
        )),
        Err(_) => resolved(walk, delegation),
    }
}

/// Whether a delegation vouches for another: such grants nothing of a resource.
pub(super) fn is_attestation(delegation: &Delegation) -> bool {
    let first = delegation.capabilities().first();
    first.is_some_and(|first| first.can == ATTEST)
}

/// Accepts the authority, and whoever an authority proof lets attest for it.
fn attester(walk: &Walk<'_>, resource: &str) -> Result<(), String> {
    let authority = walk.context.authority.did().as_str();
    let lets_attest = |proof: &&Delegation| {
        proof
            .capabilities()
            .first()
            .is_some_and(|first| first.can == ATTEST && first.with == authority)
    };
    let mut trusted = walk.context.authority_proofs.iter().filter(lets_attest);
    if resource == authority || trusted.any(|proof| proof.audience().as_str() == resource) {
        return Ok(());
    }
    Err(format!(
        "Expected literal \"{authority}\" instead got \"{resource}\""
    ))
}

/// Accepts a signature by one of the keys that the issuer's DID resolves to.
fn resolved(walk: &Walk<'_>, delegation: &Delegation) -> Result<(), String> {
    let issuer = delegation.issuer();
    let keys = (walk.context.resolve)(issuer);
    let verifiers = keys.iter().filter_map(|key| Verifier::from_did(key).ok());
    let mut errors = Vec::new();
    for verifier in verifiers {
        match verify_signature(delegation, &verifier.with_did(issuer.clone())) {
            Ok(()) => return Ok(()),
            Err(error) => errors.push(error),
        }
    }
    if errors.is_empty() {
        Err(format!("Unable to resolve '{issuer}' key"))
    } else {
        Err(errors.join("\n  "))
    }
}
