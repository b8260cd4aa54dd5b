//! `gateway.json`: `access/delegate` messages and their decisions, stored entries, serving decisions.

use ipld_core::ipld::Ipld;
use serde_json::Value;
use sterna::proto::ucan::{Capability, Caveats, Delegation, Draft, Expiration, archive, extract};
use sterna::proto::validate::{Context, Rule, access, audience, claim};
use sterna::proto::{Did, Signer};

use super::conversation::Keyring;
use super::messages::outcome;
use crate::load::{cid, did, hex, list, load, name, section, signer, text, texts, unhex};

const DELEGATE: Rule = Rule::new("access/delegate");
const SERVE: Rule = Rule::new("space/content/serve/*");
const TRANSPORT: Rule = Rule::new("space/content/serve/transport/http");

struct World {
    gateway: Signer,
    now: u64,
    resolver: Value,
}

impl World {
    fn read(file: &Value) -> Self {
        let gateway = signer(&file["gateway"]).unwrap();
        Self {
            gateway,
            now: file["now"].as_u64().unwrap(),
            resolver: file["did_resolver"].clone(),
        }
    }

    fn with_context<T>(&self, vector: &Value, decide: impl FnOnce(&Context<'_>) -> T) -> T {
        let proofs: Vec<Delegation> = texts(vector, "validator_proofs")
            .into_iter()
            .map(|proof| extract(&unhex(proof)).unwrap())
            .collect();
        let resolve = |did: &Did| {
            self.resolver[did.as_str()]
                .as_str()
                .map(|key| Did::parse(key).unwrap())
                .into_iter()
                .collect()
        };
        let verifier = self.gateway.verifier();
        let context = Context {
            authority_proofs: &proofs,
            resolve: &resolve,
            ..Context::new(&verifier, self.now)
        };
        decide(&context)
    }
}

/// The delegations that an invocation of `access/delegate` links to; the error is the CID of a missing block.
fn linked(invocation: &Delegation) -> Result<Vec<Delegation>, String> {
    let Some(Ipld::Map(links)) = invocation.capabilities()[0].get("delegations") else {
        panic!("no delegations")
    };
    let view = |link: &Ipld| {
        let Ipld::Link(cid) = link else {
            panic!("no link")
        };
        Delegation::view_shared(cid, invocation.blocks()).map_err(|_| cid.to_string())
    };
    links.values().map(view).collect()
}

/// What the gateway answers: the name of the error and its message, or the delegations to store.
fn delegate(
    invocation: &Delegation,
    context: &Context<'_>,
) -> Result<Vec<Delegation>, (String, String)> {
    let unauthorized = |refused: sterna::proto::validate::Unauthorized| {
        ("Unauthorized".to_owned(), refused.message)
    };
    access(invocation, &DELEGATE, context).map_err(unauthorized)?;
    let delegations = linked(invocation).map_err(|cid| {
        let message = format!("service handler {{can: \"access/delegate\"}} error: Block not found for delegation CID: {cid}");
        ("HandlerExecutionError".to_owned(), message)
    })?;
    let serves = |delegation: &Delegation| {
        delegation
            .capabilities()
            .iter()
            .any(|capability| capability.can == SERVE.can)
    };
    if !delegations.iter().any(serves) {
        return Err((
            "InvalidDelegation".to_owned(),
            "no valid delegations found".to_owned(),
        ));
    }
    claim(&SERVE, &delegations, context).map_err(unauthorized)?;
    Ok(delegations)
}

#[test]
fn access_delegate_is_decided_the_same() {
    let (file, keys) = (load("gateway.json"), Keyring::of_all_files());
    let world = World::read(&file);
    for vector in section(&file, "access_delegate") {
        let request = keys.check_message(&hex(&vector["request"], "body_hex"));
        let [invocation] = &request.invocations().unwrap()[..] else {
            panic!("one invocation")
        };
        let blocks: Vec<_> = request
            .blocks()
            .iter()
            .map(|block| block.cid.to_string())
            .collect();
        let expected: Vec<_> = section(&vector["request"], "blocks")
            .iter()
            .map(|block| text(block, "cid"))
            .collect();
        assert_eq!(blocks, expected, "{}", name(vector));
        assert!(audience(invocation, world.gateway.did(), &[]).is_ok());

        let reply = keys.check_message(&hex(&vector["response"], "body_hex"));
        let receipt = reply.receipt(invocation.cid()).unwrap().unwrap();
        assert_eq!(
            receipt.outcome(),
            &outcome(&vector["out"]),
            "{}",
            name(vector)
        );

        match world.with_context(vector, |context| delegate(invocation, context)) {
            Ok(stored) => {
                assert!(vector["out"]["ok"].is_object(), "{}", name(vector));
                assert_stored(&stored, invocation, list(vector, "kv"));
            }
            Err((error, message)) => {
                assert_eq!(
                    error,
                    text(&vector["out"]["error"], "name"),
                    "{}",
                    name(vector)
                );
                assert_eq!(
                    message,
                    text(&vector["out"]["error"], "message"),
                    "{}",
                    name(vector)
                );
                assert!(list(vector, "kv").is_empty());
            }
        }
    }
}

fn assert_stored(stored: &[Delegation], invocation: &Delegation, entries: &[Value]) {
    assert_eq!(stored.len(), entries.len());
    let space = &invocation.capabilities()[0].with;
    for (delegation, entry) in stored.iter().zip(entries) {
        assert_eq!(text(entry, "key"), format!("{space}:{}", delegation.cid()));
        assert_eq!(archive(delegation).unwrap(), hex(entry, "value_hex"));
        assert_eq!(extract(&hex(entry, "value_hex")).unwrap(), *delegation);
        assert_eq!(delegation.expiration(), entry["expiration"].as_u64());
    }
}

#[test]
fn serving_is_decided_the_same() {
    let file = load("gateway.json");
    let world = World::read(&file);
    for vector in section(&file, "serve") {
        let stored: Vec<Delegation> = list(vector, "stored")
            .iter()
            .map(|entry| {
                let delegation = extract(&hex(entry, "archive_hex")).unwrap();
                assert_eq!(delegation.cid(), &cid(entry, "cid"));
                assert_eq!(archive(&delegation).unwrap(), hex(entry, "archive_hex"));
                delegation
            })
            .collect();
        let authorized = vector["authorized"].as_bool().unwrap();
        if stored.is_empty() {
            assert!(!authorized, "nothing to decide: {}", name(vector));
            continue;
        }
        let token = vector["token"].as_str().map_or(Ipld::Null, Ipld::from);
        let caveats: Caveats = [("token".to_owned(), token)].into();
        let capability =
            Capability::new(TRANSPORT.can, did(vector, "space").as_str()).nb(Ipld::Map(caveats));
        let invocation = Draft::new(&world.gateway, world.gateway.did())
            .capability(capability)
            .expiration(Expiration::At(world.now + 30))
            .proofs(stored)
            .sign()
            .unwrap();
        match world.with_context(vector, |context| access(&invocation, &TRANSPORT, context)) {
            Ok(_) => assert!(authorized, "{}", name(vector)),
            Err(refused) => {
                assert!(!authorized, "{}: {refused}", name(vector));
                assert_eq!(
                    refused.message,
                    text(&vector["error"], "message"),
                    "{}",
                    name(vector)
                );
            }
        }
    }
}
