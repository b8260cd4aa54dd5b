//! Which delegations let an account authorise the gateway.

use super::{choose, covers};
use crate::proto::did::Did;
use crate::proto::key::Signer;
use crate::proto::ucan::{Capability, Delegation, Draft, Expiration};

const NOW: u64 = 1_000;

fn space() -> Signer {
    Signer::from_seed([1; 32])
}

fn account(name: &str) -> Did {
    Did::parse(&format!("did:mailto:example.com:{name}")).unwrap()
}

fn proof(audience: &Did, abilities: &[&str], expiration: Expiration) -> Delegation {
    let mut draft = Draft::new(&*SPACE, audience).expiration(expiration);
    for ability in abilities {
        draft = draft.capability(Capability::new(*ability, SPACE.did().as_str()));
    }
    draft.sign().unwrap()
}

static SPACE: std::sync::LazyLock<Signer> = std::sync::LazyLock::new(space);

#[test]
fn only_a_wide_delegation_in_force_to_an_account_will_do() {
    let alice = account("alice");
    let agent = Signer::from_seed([2; 32]).did().clone();
    let did = SPACE.did();
    for (name, wanted, proof) in [
        ("everything", true, proof(&alice, &["*"], Expiration::Never)),
        (
            "all that is needed",
            true,
            proof(&alice, &["space/*", "access/*"], Expiration::At(NOW + 1)),
        ),
        (
            "no access",
            false,
            proof(&alice, &["space/*"], Expiration::Never),
        ),
        (
            "no serving",
            false,
            proof(&alice, &["access/*", "upload/*"], Expiration::Never),
        ),
        (
            "expired to the second",
            false,
            proof(&alice, &["*"], Expiration::At(NOW)),
        ),
        (
            "to an agent",
            false,
            proof(&agent, &["*"], Expiration::Never),
        ),
        (
            "of nobody",
            false,
            Draft::new(&*SPACE, &alice)
                .sign()
                .unwrap_or_else(|_| proof(&alice, &["a/b"], Expiration::Never)),
        ),
    ] {
        assert_eq!(covers(&proof, did, NOW), wanted, "{name}");
    }
    let whole = proof(&alice, &["*"], Expiration::Never);
    assert!(
        !covers(&whole, Signer::from_seed([3; 32]).did(), NOW),
        "of another space"
    );
    let absent = Draft::new(did, &alice)
        .capability(Capability::new("*", did.as_str()))
        .sign()
        .unwrap();
    assert!(!covers(&absent, did, NOW), "signed by nobody");
}

#[test]
fn the_choice_is_always_the_same_and_prefers_the_customer() {
    let (alice, bob) = (account("alice"), account("bob"));
    let short = proof(&alice, &["*"], Expiration::At(NOW + 10));
    let long = proof(&alice, &["*", "space/*"], Expiration::Never);
    let foreign = proof(&bob, &["*"], Expiration::Never);
    let mut all = vec![foreign.clone(), short.clone(), long.clone()];
    for _ in 0..all.len() {
        all.rotate_left(1);
        assert_eq!(
            choose(&all, SPACE.did(), &alice, NOW).unwrap().cid(),
            long.cid()
        );
    }
    let rest = [foreign.clone(), short.clone()];
    assert_eq!(
        choose(&rest, SPACE.did(), &alice, NOW).unwrap().cid(),
        short.cid()
    );
    assert_eq!(
        choose(&rest, SPACE.did(), &alice, NOW + 10).unwrap().cid(),
        foreign.cid()
    );
    assert!(choose(&[], SPACE.did(), &alice, NOW).is_none());
}
