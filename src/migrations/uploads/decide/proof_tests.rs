//! Which chains let an account authorise the gateway, and how those that do not are told.

use std::sync::LazyLock;

use ipld_core::ipld::Ipld;

use super::flaw::missing;
use super::proof::{Broken, Case, Usable, by_preference, judge};
use crate::proto::did::Did;
use crate::proto::key::{Signer, Verifier};
use crate::proto::ucan::{Capability, Delegation, Draft, Expiration};
use crate::proto::validate::{Fault, Flaw};

/// 2024-05-01.
const NOW: u64 = 1_714_521_600;

static SPACE: LazyLock<Signer> = LazyLock::new(|| Signer::from_seed([1; 32]));
static AGENT: LazyLock<Signer> = LazyLock::new(|| Signer::from_seed([2; 32]));
static SERVICE: LazyLock<Signer> = LazyLock::new(|| {
    let did = Did::parse("did:web:up.test").unwrap();
    Signer::from_seed([3; 32]).with_did(did)
});
static VERIFIER: LazyLock<Verifier> = LazyLock::new(|| SERVICE.verifier());

fn account(name: &str) -> Did {
    Did::parse(&format!("did:mailto:example.com:{name}")).unwrap()
}

fn alice() -> Did {
    account("alice")
}

fn judged(proof: &Delegation) -> Result<Usable, Broken> {
    let case = Case {
        space: SPACE.did(),
        upload_service: &VERIFIER,
        now: NOW,
    };
    judge(proof.clone(), &case)
}

/// Everything that is needed, on a resource.
fn needed<'a>(draft: Draft<'a>, with: &str) -> Draft<'a> {
    draft
        .capability(Capability::new("space/*", with))
        .capability(Capability::new("access/*", with))
}

fn proof(audience: &Did, abilities: &[&str], expiration: Expiration) -> Delegation {
    let mut draft = Draft::new(&*SPACE, audience).expiration(expiration);
    for ability in abilities {
        draft = draft.capability(Capability::new(*ability, SPACE.did().as_str()));
    }
    draft.sign().unwrap()
}

/// The space to the agent, as a device keeps it.
fn to_agent(expiration: Expiration) -> Delegation {
    proof(AGENT.did(), &["space/*", "access/*"], expiration)
}

/// The agent to the account, as a device shares a space.
fn shared(proofs: Vec<Delegation>) -> Delegation {
    let draft = Draft::new(&*AGENT, &alice()).proofs(proofs);
    needed(draft, SPACE.did().as_str()).sign().unwrap()
}

/// A delegation that its issuer's name stands on, but not its signature.
fn forged(issuer: &Signer, audience: &Did, proofs: Vec<Delegation>) -> Delegation {
    let other = Signer::from_seed([9; 32]).with_did(issuer.did().clone());
    let draft = Draft::new(&other, audience).proofs(proofs);
    needed(draft, SPACE.did().as_str()).sign().unwrap()
}

fn fault(proof: &Delegation) -> Fault {
    let broken = judged(proof).unwrap_err();
    assert_eq!(broken.proof, *proof.cid());
    let Flaw { delegation, fault } = *broken.flaw.unwrap();
    assert_eq!(delegation, *proof.cid());
    fault
}

#[test]
fn a_delegation_by_the_space_must_be_wide_enough_in_force_and_to_an_account() {
    for abilities in [
        &["*"][..],
        &["space/*", "access/*"],
        &["space/content/serve/*", "access/delegate"],
    ] {
        let one = proof(&alice(), abilities, Expiration::At(NOW + 1));
        assert_eq!(judged(&one).unwrap().chain, [one], "{abilities:?}");
    }
    for abilities in [&["space/*"][..], &["access/*", "upload/*"]] {
        let told = fault(&proof(&alice(), abilities, Expiration::Never));
        assert!(matches!(told, Fault::Narrower(_)), "{told:?}");
    }
    let ended = proof(&alice(), &["*"], Expiration::At(NOW));
    assert_eq!(fault(&ended), Fault::Expired(NOW), "to the second");
    let agents = proof(AGENT.did(), &["*"], Expiration::Never);
    assert_eq!(fault(&agents), Fault::Misplaced);
    let early = Draft::new(&*SPACE, &alice()).not_before(NOW);
    let early = needed(early, SPACE.did().as_str()).sign().unwrap();
    assert_eq!(fault(&early), Fault::TooEarly(NOW));
    let caveat = |name: &str| {
        Capability::new(name, SPACE.did().as_str()).caveat("root", Ipld::String("x".into()))
    };
    let narrowed = Draft::new(&*SPACE, &alice()).capability(caveat("*"));
    let narrowed = judged(&narrowed.sign().unwrap()).unwrap_err();
    let told = missing(SPACE.did(), 1, &[narrowed]);
    assert!(told.ends_with(" allows only * limited by root"), "{told}");
    let absent = Draft::new(SPACE.did(), &alice())
        .capability(Capability::new("*", SPACE.did().as_str()))
        .sign();
    assert_eq!(fault(&absent.unwrap()), Fault::Unsigned, "by nobody");
    assert_eq!(fault(&forged(&SPACE, &alice(), vec![])), Fault::Unsigned);
}

#[test]
fn a_whole_chain_over_an_agent_will_do() {
    let root = to_agent(Expiration::Never);
    let one = shared(vec![root.clone()]);
    assert_eq!(judged(&one).unwrap().chain, [one.clone(), root.clone()]);

    let second = Signer::from_seed([4; 32]);
    let between = Draft::new(&*AGENT, second.did()).proof(root.clone());
    let between = needed(between, "ucan:*").sign().unwrap();
    let last = Draft::new(&second, &alice()).proof(between.clone());
    let last = needed(last, SPACE.did().as_str()).sign().unwrap();
    assert_eq!(judged(&last).unwrap().chain, [last, between, root.clone()]);

    // Each ability may rest on another proof.
    let halves = ["space/*", "access/*"].map(|one| proof(AGENT.did(), &[one], Expiration::Never));
    let one = shared(halves.to_vec());
    assert_eq!(judged(&one).unwrap().chain.len(), 3);

    // What else the agent holds does no harm.
    let ended = to_agent(Expiration::At(NOW));
    let one = shared(vec![ended, root.clone()]);
    assert_eq!(judged(&one).unwrap().chain, [one, root]);
}

#[test]
fn an_account_inside_a_chain_must_be_vouched_for_by_the_upload_service() {
    let root = proof(&account("bob"), &["*"], Expiration::Never);
    let session = Draft::new(&account("bob"), AGENT.did())
        .capability(Capability::new("*", "ucan:*"))
        .proof(root)
        .sign()
        .unwrap();
    let attest = |by: &Signer| {
        let about = Capability::new("ucan/attest", by.did().as_str())
            .caveat("proof", Ipld::Link(*session.cid()));
        Draft::new(by, AGENT.did())
            .capability(about)
            .sign()
            .unwrap()
    };
    let vouched = shared(vec![session.clone(), attest(&SERVICE)]);
    assert_eq!(judged(&vouched).unwrap().chain.len(), 3);
    let impostor = Signer::from_seed([9; 32]).with_did(SERVICE.did().clone());
    for proofs in [
        vec![session.clone()],
        vec![session.clone(), attest(&impostor)],
    ] {
        let told = judged(&shared(proofs)).unwrap_err().flaw.unwrap();
        assert_eq!(told.fault, Fault::Unsigned);
    }
}

#[test]
fn a_broken_chain_names_the_link_that_fails() {
    let ended = to_agent(Expiration::At(NOW - 86_400));
    let narrow = proof(AGENT.did(), &["upload/*"], Expiration::Never);
    let to_other = proof(Signer::from_seed([5; 32]).did(), &["*"], Expiration::Never);
    let foreign = {
        let other = Signer::from_seed([6; 32]);
        let draft = Draft::new(&other, AGENT.did());
        needed(draft, other.did().as_str()).sign().unwrap()
    };
    // The other's own space gives nothing on this one; neither does what it pretends to hold.
    let escalated = {
        let other = Signer::from_seed([6; 32]);
        let draft = Draft::new(&other, AGENT.did());
        needed(draft, SPACE.did().as_str()).sign().unwrap()
    };
    let fake = forged(&SPACE, AGENT.did(), vec![]);
    for (name, link, text) in [
        ("expired", &ended, "which expired 2024-04-30".to_owned()),
        ("narrow", &narrow, "which allows only upload/*".to_owned()),
        (
            "to another",
            &to_other,
            "which is to somebody else".to_owned(),
        ),
        (
            "of another space",
            &foreign,
            "which allows only space/* on did:key:".to_owned(),
        ),
        (
            "out of nothing",
            &escalated,
            "which is by did:key:".to_owned(),
        ),
        ("forged", &fake, "which has a wrong signature".to_owned()),
    ] {
        let one = shared(vec![link.clone()]);
        let broken = judged(&one).unwrap_err();
        let told = missing(SPACE.did(), 2, &[broken]);
        let wanted = format!("{} rests on {}, {text}", one.cid(), link.cid());
        assert!(told.contains(&wanted), "{name}: {told}");
    }
    let root = to_agent(Expiration::Never);
    let draft = Draft::new(&*AGENT, &alice()).proof_link(*root.cid());
    let alone = needed(draft, SPACE.did().as_str()).sign().unwrap();
    let told = missing(SPACE.did(), 1, &[judged(&alone).unwrap_err()]);
    assert!(told.ends_with(&format!(
        "rests on {}, which did not come with it",
        root.cid()
    )));
    let by_agent = shared(vec![]);
    assert_eq!(fault(&by_agent), Fault::Unfounded(AGENT.did().clone()));
    assert_eq!(
        fault(&forged(&AGENT, &alice(), vec![root])),
        Fault::Unsigned
    );
}

#[test]
fn three_that_will_not_do_are_named_and_the_others_counted() {
    let ended = |day: u64| proof(&alice(), &["*"], Expiration::At(NOW - day * 86_400));
    let all: Vec<_> = (1..=5)
        .map(|day| judged(&ended(day)).unwrap_err())
        .collect();
    let space = SPACE.did();
    let named: Vec<_> = (1..=3)
        .map(|day| format!("{} expired 2024-04-{}", ended(day).cid(), 31 - day))
        .collect();
    let why = "none lets an account authorise the gateway";
    assert_eq!(
        missing(space, 5, &all),
        format!(
            "space {space} has 5 delegations, {why}: {}; 2 more",
            named.join("; ")
        )
    );
    assert_eq!(
        missing(space, 1, &all[..1]),
        format!("space {space} has 1 delegation, {why}: {}", named[0])
    );
    assert_eq!(
        missing(space, 2, &[]),
        format!("space {space} has 2 delegations, none of them to an account")
    );
    assert_eq!(
        missing(space, 0, &[]),
        format!("space {space} has no delegations")
    );
}

#[test]
fn the_choice_is_always_the_same_and_prefers_the_customer() {
    let short = proof(&alice(), &["*"], Expiration::At(NOW + 10));
    let long = proof(&alice(), &["*", "space/*"], Expiration::Never);
    let foreign = proof(&account("bob"), &["*"], Expiration::Never);
    // A chain lasts as long as its first link to end.
    let ends = shared(vec![to_agent(Expiration::At(NOW + 5))]);
    let over_agent = shared(vec![to_agent(Expiration::Never)]);
    let order = [&long, &over_agent, &short, &ends, &foreign];
    let mut all: Vec<_> = order.iter().map(|one| judged(one).unwrap()).collect();
    for _ in 0..all.len() {
        all.rotate_left(1);
        let mut sorted = all.clone();
        by_preference(&mut sorted, &alice());
        let sorted: Vec<_> = sorted.iter().map(|one| &one.proof).collect();
        assert_eq!(sorted, order);
    }
}
