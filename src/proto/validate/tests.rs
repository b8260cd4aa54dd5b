//! Chains that are made to hurt.

use super::*;
use crate::proto::Did;
use crate::proto::Signer;
use crate::proto::ucan::{Capability, Delegation, Draft, archive, extract};

const RULE: Rule = Rule::new("upload/add");

fn signer(seed: u8) -> Signer {
    Signer::from_seed([seed; 32])
}

fn decide(invocation: &Delegation) -> Result<Authorization, Unauthorized> {
    let gateway = Did::parse("did:web:gateway.test").unwrap();
    let authority = signer(9).with_did(gateway).verifier();
    access(invocation, &RULE, &Context::new(&authority, 1))
}

/// A chain of `length` delegations between two keys, each citing `width` variants of the one before.
fn chain(owner: &Signer, first: &[Delegation], length: usize, width: usize) -> Vec<Delegation> {
    let keys = [signer(1), signer(2)];
    let mut proofs = first.to_vec();
    for at in 0..length {
        let (from, to) = (&keys[at % 2], &keys[(at + 1) % 2]);
        let variants = (0..width).map(|variant| {
            Draft::new(from, to.did())
                .capability(Capability::new("upload/*", owner.did().as_str()))
                .nonce(format!("{at} {variant}"))
                .proofs(proofs.iter().cloned())
                .sign()
                .unwrap()
        });
        proofs = variants.collect();
    }
    proofs
}

fn invocation(owner: &Signer, proofs: Vec<Delegation>) -> Delegation {
    let issuer = signer(1);
    let draft = Draft::new(&issuer, &Did::parse("did:web:gateway.test").unwrap());
    let draft = draft.capability(Capability::new(RULE.can, owner.did().as_str()));
    let sent = draft.proofs(proofs).sign().unwrap();
    extract(&archive(&sent).unwrap()).unwrap()
}

/// A delegation by the owner to the first key of a chain.
fn granted(owner: &Signer) -> Delegation {
    let grant = Capability::new("*", owner.did().as_str());
    Draft::new(owner, signer(1).did())
        .capability(grant)
        .sign()
        .unwrap()
}

#[test]
fn a_chain_that_starts_at_the_owner_is_followed_and_one_that_does_not_is_refused() {
    let owner = signer(3);
    let good = invocation(&owner, chain(&owner, &[granted(&owner)], 6, 1));
    assert_eq!(decide(&good).unwrap().chain().count(), 8);
    assert!(decide(&invocation(&owner, chain(&owner, &[], 6, 1))).is_err());
}

#[test]
fn a_chain_longer_than_any_honest_one_is_refused_without_harm() {
    let owner = signer(3);
    let long = invocation(&owner, chain(&owner, &[granted(&owner)], 300, 1));
    assert_eq!(long.export().len(), 302);
    let refused = decide(&long).unwrap_err();
    assert!(refused.message.contains("too long"), "{refused}");
}

#[test]
fn proofs_that_multiply_are_given_up() {
    let owner = signer(3);
    let wide = invocation(&owner, chain(&owner, &[], 12, 3));
    let refused = decide(&wide).unwrap_err();
    assert!(
        refused.message.contains("too many proofs"),
        "{refused:.500}"
    );
}

#[test]
fn attestations_that_need_attestations_are_given_up() {
    let owner = signer(3);
    let issuer = signer(1);
    let attests = |at: usize| {
        let nobody = Did::parse(&format!("did:web:nobody{at}.test")).unwrap();
        let attest = Capability::new("ucan/attest", "did:web:gateway.test");
        Draft::new(&nobody, issuer.did())
            .capability(attest)
            .sign()
            .unwrap()
    };
    let refused = decide(&invocation(&owner, (0..12).map(attests).collect())).unwrap_err();
    assert!(refused.message.len() < 10_000_000);
}
