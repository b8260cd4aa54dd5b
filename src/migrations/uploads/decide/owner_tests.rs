//! What delegations show of their owner's wishes.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use ipld_core::ipld::Ipld;

use super::owner::{Serving, declined, is_private, serving};
use super::proof::{Case, Usable};
use crate::proto::did::Did;
use crate::proto::key::{Signer, Verifier};
use crate::proto::ucan::{Capability, Delegation, Draft, Expiration, Fact};

const NOW: u64 = 1_000;

static SPACE: LazyLock<Signer> = LazyLock::new(|| Signer::from_seed([1; 32]));
static AGENT: LazyLock<Signer> = LazyLock::new(|| Signer::from_seed([2; 32]));
static VERIFIER: LazyLock<Verifier> = LazyLock::new(|| SPACE.verifier());

fn did(text: &str) -> Did {
    Did::parse(text).unwrap()
}

fn gateway() -> Did {
    did("did:web:w3s.test")
}

/// The fact that says what access a space has; none of it if `access` is nothing.
fn fact(access: Option<&str>) -> Fact {
    let text = |text: &str| Ipld::String(text.to_owned());
    let mut space = BTreeMap::from([("name".to_owned(), text("photos"))]);
    if let Some(kind) = access {
        let kind = BTreeMap::from([("type".to_owned(), text(kind))]);
        space.insert("access".to_owned(), Ipld::Map(kind));
    }
    Fact::from([("space".to_owned(), Ipld::Map(space))])
}

fn chain(links: &[(&Signer, Option<&str>)]) -> Usable {
    let links = links.iter().map(|(by, access)| {
        Draft::new(*by, AGENT.did())
            .capability(Capability::new("*", SPACE.did().as_str()))
            .fact(fact(*access))
            .sign()
            .unwrap()
    });
    let chain: Vec<Delegation> = links.collect();
    Usable {
        proof: chain[0].clone(),
        chain,
    }
}

#[test]
fn a_space_is_private_if_the_newest_link_that_tells_says_so() {
    let private = |links: &[_]| is_private(&chain(links), SPACE.did());
    assert!(private(&[(&SPACE, Some("private"))]));
    assert!(!private(&[(&SPACE, Some("public"))]));
    assert!(!private(&[(&SPACE, None)]), "as older clients write it");
    assert!(private(&[(&AGENT, None), (&SPACE, Some("private"))]));
    let opened = [(&*AGENT, Some("public")), (&*SPACE, Some("private"))];
    assert!(!private(&opened));
    let other = Signer::from_seed([3; 32]);
    assert!(
        !is_private(&chain(&opened[1..]), other.did()),
        "of another space"
    );
}

fn granted(audience: &Did, abilities: &[&str], end: Expiration) -> Option<Serving> {
    let mut draft = Draft::new(&*SPACE, audience).expiration(end);
    for ability in abilities {
        draft = draft.capability(Capability::new(*ability, SPACE.did().as_str()));
    }
    let case = Case {
        space: SPACE.did(),
        upload_service: &VERIFIER,
        now: NOW,
    };
    serving(&draft.sign().unwrap(), &case)
}

#[test]
fn only_what_names_serving_is_said_to_a_gateway() {
    let never = Expiration::Never;
    let serve = "space/content/serve/*";
    assert!(granted(&gateway(), &[serve], never).unwrap().in_force);
    assert!(granted(&gateway(), &["space/content/serve"], never).is_some());
    assert!(granted(AGENT.did(), &[serve], never).is_some());
    assert!(
        !granted(&gateway(), &[serve], Expiration::At(NOW))
            .unwrap()
            .in_force
    );
    for abilities in [&["*"][..], &["space/*"], &["upload/*"]] {
        assert_eq!(granted(&gateway(), abilities, never), None, "{abilities:?}");
    }
    let agents = granted(AGENT.did(), &["upload/*", serve], never);
    assert_eq!(agents, None, "an agent's key");
}

#[test]
fn an_owner_declines_by_revoking_or_by_choosing_others_alone() {
    let serve = ["space/content/serve/*"];
    let one = |audience: &Did, end| granted(audience, &serve, end).unwrap();
    let ours = one(&gateway(), Expiration::Never);
    let revoked = |one: &Serving| Serving {
        revoked: true,
        ..one.clone()
    };
    let ended = one(&gateway(), Expiration::At(NOW));
    let other = one(&did("did:web:other.test"), Expiration::Never);
    let refused = |all: &[&Serving]| {
        let all: Vec<_> = all.iter().map(|one| (*one).clone()).collect();
        declined(&all, &gateway())
    };
    assert_eq!(refused(&[]), None);
    assert_eq!(refused(&[&ours]), None);
    assert_eq!(refused(&[&ended]), None, "ended by itself");
    assert_eq!(refused(&[&ours, &other]), None);
    assert_eq!(refused(&[&ended, &other]), None, "it was asked once");
    assert_eq!(refused(&[&revoked(&ended), &ours]), None, "and asked again");
    assert_eq!(refused(&[&revoked(&other)]), None);
    let told = refused(&[&revoked(&ours), &ended]).unwrap();
    assert!(told.starts_with("revoked bafy"), "{told}");
    let told = refused(&[&other]).unwrap();
    assert!(
        told.starts_with("lets did:web:other.test serve it"),
        "{told}"
    );
}
