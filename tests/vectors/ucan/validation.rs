//! `validation.json`: decisions of the validator, with the words of its refusals.

use ipld_core::ipld::Ipld;
use serde_json::Value;
use sterna::proto::ucan::{Caveats, Delegation, Proof, extract};
use sterna::proto::validate::{Context, Rule, Unauthorized, access};
use sterna::proto::{Did, Verifier};

use crate::load::{cid, did, hex, list, load, name, section, text};

/// `upload/add` on a did:key with an optional link and an optional integer.
const RULE: Rule = Rule::new("upload/add").with(key_only).nb(root_and_size);

fn key_only(resource: &str) -> Result<(), String> {
    if resource.starts_with("did:key:") {
        Ok(())
    } else {
        Err(format!("Expected a did:key: but got \"{resource}\""))
    }
}

fn root_and_size(mut caveats: Caveats) -> Result<Caveats, String> {
    caveats.retain(|name, _| ["root", "size"].contains(&name.as_str()));
    match (caveats.get("root"), caveats.get("size")) {
        (None | Some(Ipld::Link(_)), None | Some(Ipld::Integer(_))) => Ok(caveats),
        _ => Err("malformed caveats".to_owned()),
    }
}

struct World {
    authority: Verifier,
    now: u64,
    resolver: Value,
}

impl World {
    fn read(file: &Value) -> Self {
        let authority = &file["authority"];
        let key = Verifier::from_did(&did(authority, "did_key")).unwrap();
        Self {
            authority: key.with_did(did(authority, "did")),
            now: file["now"].as_u64().unwrap(),
            resolver: file["did_resolver"].clone(),
        }
    }

    fn decide(
        &self,
        vector: &Value,
        rule: &Rule,
        change: impl Fn(&mut Context<'_>),
    ) -> Result<Vec<String>, Unauthorized> {
        let invocation = invocation(vector);
        let proofs: Vec<Delegation> = list(vector, "authority_proofs")
            .iter()
            .map(|proof| {
                let delegation = extract(&hex(proof, "archive_hex")).unwrap();
                assert_eq!(delegation.cid(), &cid(proof, "cid"));
                delegation
            })
            .collect();
        let resolve = |did: &Did| {
            self.resolver[did.as_str()]
                .as_str()
                .map(|key| Did::parse(key).unwrap())
                .into_iter()
                .collect()
        };
        let mut context = Context {
            authority_proofs: &proofs,
            resolve: &resolve,
            ..Context::new(&self.authority, self.now)
        };
        change(&mut context);
        let chain = access(&invocation, rule, &context)?;
        Ok(chain
            .chain()
            .map(|link| link.delegation.cid().to_string())
            .collect())
    }
}

fn invocation(vector: &Value) -> Delegation {
    let invocation = extract(&hex(&vector["invocation"], "archive_hex")).unwrap();
    assert_eq!(invocation.cid(), &cid(&vector["invocation"], "cid"));
    invocation
}

#[test]
fn decisions_and_their_words_are_the_same() {
    let file = load("validation.json");
    let world = World::read(&file);
    for vector in section(&file, "vectors") {
        let (decision, expected) = (
            world.decide(vector, &RULE.derives_as_javascript(), |_| ()),
            &vector["result"],
        );
        match decision {
            Ok(_) => assert_eq!(expected["ok"], true, "{}", name(vector)),
            Err(refused) => {
                assert_eq!(expected["ok"], false, "{}: {refused}", name(vector));
                assert_eq!(
                    Unauthorized::NAME,
                    text(&expected["error"], "name"),
                    "{}",
                    name(vector)
                );
                assert_eq!(
                    refused.message,
                    text(&expected["error"], "message"),
                    "{}",
                    name(vector)
                );
            }
        }
    }
}

#[test]
fn equal_links_are_equal_unless_javascript_is_asked_for() {
    let file = load("validation.json");
    let world = World::read(&file);
    for vector in section(&file, "vectors") {
        let as_javascript = world
            .decide(vector, &RULE.derives_as_javascript(), |_| ())
            .is_ok();
        let by_value = world.decide(vector, &RULE, |_| ()).is_ok();
        assert_eq!(
            by_value,
            as_javascript || differs_by_quirk(&invocation(vector)),
            "{}",
            name(vector)
        );
    }
}

/// Tells whether all that a refusal can rest on is an equal caveat that is an object in JavaScript.
fn differs_by_quirk(invocation: &Delegation) -> bool {
    let [claimed] = invocation.capabilities() else {
        return false;
    };
    let [Proof::Delegation(proof)] = invocation.proofs() else {
        return false;
    };
    let equal = |delegated: &sterna::proto::ucan::Capability| {
        matches!(delegated.get("root"), Some(Ipld::Link(_)))
            && delegated.get("root") == claimed.get("root")
            && delegated.get("size").is_none()
    };
    proof.audience() == invocation.issuer() && proof.capabilities().iter().any(equal)
}

#[test]
fn a_revoked_link_of_the_chain_refuses_what_it_carried() {
    let file = load("validation.json");
    let world = World::read(&file);
    let mut tried = 0;
    for vector in section(&file, "vectors") {
        let Ok(chain) = world.decide(vector, &RULE, |_| ()) else {
            continue;
        };
        for revoked in chain {
            let is_revoked = |delegation: &Delegation| delegation.cid().to_string() == revoked;
            let leaked: &(dyn Fn(&Delegation) -> bool + Sync) = &is_revoked;
            let refused = decide_revoked(&world, vector, leaked).unwrap_err();
            assert!(
                refused
                    .message
                    .contains(&format!("Proof {revoked} has been revoked")),
                "{refused}"
            );
            tried += 1;
        }
    }
    assert!(tried > 0);
}

fn decide_revoked(
    world: &World,
    vector: &Value,
    revoked: &(dyn Fn(&Delegation) -> bool + Sync),
) -> Result<(), Unauthorized> {
    let proofs: Vec<Delegation> = list(vector, "authority_proofs")
        .iter()
        .map(|proof| extract(&hex(proof, "archive_hex")).unwrap())
        .collect();
    let resolve = |did: &Did| {
        world.resolver[did.as_str()]
            .as_str()
            .map(|key| Did::parse(key).unwrap())
            .into_iter()
            .collect()
    };
    let context = Context {
        authority_proofs: &proofs,
        resolve: &resolve,
        revoked,
        ..Context::new(&world.authority, world.now)
    };
    access(&invocation(vector), &RULE, &context).map(drop)
}

#[test]
fn a_self_issued_claim_holds_until_its_invocation_ends() {
    let file = load("validation.json");
    let world = World::read(&file);
    let mut tried = 0;
    for vector in section(&file, "vectors") {
        let Ok(chain) = world.decide(vector, &RULE, |_| ()) else {
            continue;
        };
        if chain.len() != 1 {
            continue;
        }
        let elsewhere = |context: &mut Context<'_>| context.now = u64::MAX;
        let late = world.decide(vector, &RULE, elsewhere);
        let never = invocation(vector).expiration().is_none();
        assert_eq!(late.is_ok(), never, "{}", name(vector));
        tried += 1;
    }
    assert!(tried > 0);
}
