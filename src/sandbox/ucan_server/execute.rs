//! From a message of invocations to a message of receipts.

use std::collections::HashSet;

use cid::Cid;
use futures::future::join_all;
use ipld_core::ipld::Ipld;

use super::answer::{Call, map, text};
use super::service::{Audiences, Dialect, Party, UcanService};
use crate::proto::Did;
use crate::proto::message::{Effects, Message, Outcome, Receipt};
use crate::proto::ucan::{Capability, Delegation};
use crate::proto::validate::{Context, InvalidAudience, Rule, access, audience};

/// Runs every invocation of a message, all at once, and reports each. An invocation that was answered before gets the
/// same answer. Fails if an invocation cannot be read.
pub(crate) async fn execute(
    service: &dyn UcanService,
    message: &Message,
) -> Result<Message, String> {
    let mut seen = HashSet::new();
    let invocations = message.invocations().map_err(|error| error.to_string())?;
    let distinct = invocations
        .into_iter()
        .filter(|invocation| seen.insert(*invocation.cid()));
    let answers = join_all(distinct.map(|invocation| answered(service, invocation))).await;
    let answers = answers.into_iter().collect::<Result<Vec<_>, _>>()?;
    let new: Vec<Receipt> = answers
        .iter()
        .filter(|(_, new)| *new)
        .map(|(receipt, _)| receipt.clone())
        .collect();
    if !new.is_empty() {
        service.answered(&reply(&new)?).await?;
    }
    let receipts: Vec<Receipt> = answers.into_iter().map(|(receipt, _)| receipt).collect();
    reply(&receipts)
}

fn reply(receipts: &[Receipt]) -> Result<Message, String> {
    Message::reply(receipts).map_err(|error| error.to_string())
}

/// The receipt of an invocation, and whether it is new.
async fn answered(
    service: &dyn UcanService,
    invocation: Delegation,
) -> Result<(Receipt, bool), String> {
    if let Some(receipt) = service.known(invocation.cid()).await {
        return Ok((receipt, false));
    }
    let (outcome, effects) = outcome(service, &invocation).await;
    let receipt = Receipt::issue(&service.party().signer, invocation, outcome, effects)
        .map_err(|error| error.to_string())?;
    Ok((receipt, true))
}

async fn outcome(service: &dyn UcanService, invocation: &Delegation) -> (Outcome, Effects) {
    let [capability] = invocation.capabilities() else {
        return (several(invocation.capabilities()), Effects::default());
    };
    let Some(rule) = service.rule(&capability.can) else {
        return (
            no_handler(service.party().dialect, capability),
            Effects::default(),
        );
    };
    let capability = match admitted(service, invocation, &rule).await {
        Ok(capability) => capability,
        Err(error) => return (Outcome::Err(error), Effects::default()),
    };
    let call = Call {
        invocation: invocation.clone(),
        capability: capability.clone(),
    };
    match service.run(call).await {
        Ok(success) => (Outcome::Ok(success.out), success.effects),
        Err(failure) => (failure.into_outcome(&capability), Effects::default()),
    }
}

/// The capability, if the invocation is for this service and its issuer may do what it says.
async fn admitted(
    service: &dyn UcanService,
    invocation: &Delegation,
    rule: &Rule,
) -> Result<Capability, Ipld> {
    let party = service.party();
    if let Err(error) = addressed(invocation, party) {
        let name = match party.dialect {
            Dialect::Js => "InvalidAudience",
            Dialect::Go => "InvalidAudienceError",
        };
        return Err(map([
            ("name", text(name)),
            ("message", text(&error.to_string())),
        ]));
    }
    let revoked = service.revoked(&chain(invocation)).await;
    let network = service.network();
    let resolve = |did: &Did| network.did_keys(did);
    let authority = party.signer.verifier();
    let context = Context {
        authority_proofs: &party.proofs,
        resolve: &resolve,
        revoked: &|delegation: &Delegation| revoked.contains(delegation.cid()),
        ..Context::new(&authority, network.clock.now().0 / 1000)
    };
    let authorization = access(invocation, rule, &context).map_err(|error| error.to_ipld())?;
    Ok(authorization.capability)
}

fn addressed(invocation: &Delegation, party: &Party) -> Result<(), InvalidAudience> {
    let given = invocation.audience();
    match &party.audiences {
        Audiences::AnyService if given.is_web() || given.is_key() => Ok(()),
        Audiences::AnyService => audience(invocation, party.signer.did(), &[]),
        Audiences::Also(others) => audience(invocation, party.signer.did(), others),
    }
}

/// The invocation and everything it rests on.
fn chain(invocation: &Delegation) -> Vec<Cid> {
    let mut found = vec![*invocation.cid()];
    for proof in invocation.proofs() {
        match proof.delegation() {
            Some(delegation) => found.extend(chain(delegation)),
            None => found.push(*proof.cid()),
        }
    }
    found
}

fn several(capabilities: &[Capability]) -> Outcome {
    let list = capabilities
        .iter()
        .map(|capability| {
            map([
                ("can", text(&capability.can)),
                ("with", text(&capability.with)),
            ])
        })
        .collect();
    Outcome::Err(map([
        ("name", text("InvocationCapabilityError")),
        ("error", Ipld::Bool(true)),
        (
            "message",
            text("Invocation is required to have a single capability."),
        ),
        ("capabilities", Ipld::List(list)),
    ]))
}

fn no_handler(dialect: Dialect, capability: &Capability) -> Outcome {
    let name = match dialect {
        Dialect::Js => "HandlerNotFound",
        Dialect::Go => "HandlerNotFoundError",
    };
    Outcome::Err(map([
        ("name", text(name)),
        ("error", Ipld::Bool(true)),
        (
            "message",
            text(&format!(
                "service does not implement {{can: \"{}\"}} handler",
                capability.can
            )),
        ),
        (
            "capability",
            map([
                ("can", text(&capability.can)),
                ("with", text(&capability.with)),
            ]),
        ),
    ]))
}
