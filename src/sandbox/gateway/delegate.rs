//! `access/delegate`: delegations by which content of a space may be served (docs/protocol/gateway.md §1).

use ipld_core::ipld::Ipld;

use super::state::Gateway;
use crate::proto::Did;
use crate::proto::ucan::{Delegation, archive, extract};
use crate::proto::validate::{Context, Rule, claim, derives_equal};
use crate::sandbox::Network;
use crate::sandbox::ucan_server::{Answer, Call, Failure, Success, UcanService as _};

/// What a serving delegation allows.
const SERVE: &str = "space/content/serve/*";

/// Stores every delegation of the invocation under its space, if one of them is a valid one to serve.
pub(super) fn delegate(gateway: &Gateway, call: &Call) -> Answer {
    let space = call.subject()?;
    let network = gateway.network();
    let resolve = |did: &Did| network.did_keys(did);
    let authority = gateway.party.signer.verifier();
    let context = Context {
        authority_proofs: &gateway.party.proofs,
        resolve: &resolve,
        ..Context::new(&authority, network.clock.now().0 / 1000)
    };
    for delegation in accepted(call, &context)? {
        let archive = archive(&delegation)?;
        keep(network, &space, &delegation, archive)?;
    }
    Ok(Success::done())
}

/// Keeps one delegation for a space, as its archive; the same one again takes its own place.
pub(crate) fn keep(
    network: &Network,
    space: &Did,
    delegation: &Delegation,
    archive: Vec<u8>,
) -> std::io::Result<()> {
    let expires = delegation.expiration().map(|end| end.saturating_mul(1000));
    let id = delegation.cid().to_string();
    network.shelf.put(&group(space), &id, archive, expires)
}

/// What a space's delegations are kept under.
pub(super) fn group(space: &Did) -> String {
    format!("gateway/delegations/{space}")
}

/// The delegations of the invocation, if they are there and one is a valid one to serve.
pub(super) fn accepted(call: &Call, context: &Context<'_>) -> Result<Vec<Delegation>, Failure> {
    let Ipld::Map(links) = call.caveat("delegations")? else {
        return Err(Failure::broke("delegations is not a map"));
    };
    let delegations = links
        .values()
        .map(|link| linked(call, link))
        .collect::<Result<Vec<_>, _>>()?;
    let serves = |delegation: &Delegation| {
        delegation
            .capabilities()
            .iter()
            .any(|capability| capability.can == SERVE)
    };
    if !delegations.iter().any(serves) {
        return Err(Failure::named(
            "InvalidDelegation",
            "no valid delegations found",
        ));
    }
    let rule = Rule::new(SERVE).derives(derives_equal);
    claim(&rule, &delegations, context).map_err(|error| Failure::Refused(error.to_ipld()))?;
    Ok(delegations)
}

/// A delegation that travels as an archive in one block, or as blocks of its own.
fn linked(call: &Call, link: &Ipld) -> Result<Delegation, Failure> {
    let Ipld::Link(cid) = link else {
        return Err(Failure::broke("a delegation is not a link"));
    };
    let blocks = call.invocation.blocks();
    let block = blocks
        .get(cid)
        .ok_or_else(|| Failure::broke(&format!("Block not found for delegation CID: {cid}")))?;
    match extract(&block.bytes) {
        Ok(delegation) => Ok(delegation),
        Err(_) => Ok(Delegation::view_shared(cid, blocks)?),
    }
}
