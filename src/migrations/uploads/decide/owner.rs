//! What the owner of a space wants of the gateway, as far as delegations show it: whether the space is private, and who
//! may serve it (`@storacha/access` writes the facts, `authorizeContentServe` of its client the serve delegations).

use cid::Cid;
use ipld_core::ipld::Ipld;

use super::proof::{Case, Usable};
use crate::proto::did::Did;
use crate::proto::key::Verifier;
use crate::proto::ucan::{Capability, Delegation};

/// What an owner grants to a gateway. Wider abilities say nothing of gateways.
const SERVING: [&str; 2] = ["space/content/serve/*", "space/content/serve"];

/// Whether a chain says that its space is private: the newest of its links that tells. A space without the fact is
/// public.
///
/// The fact is `{space: {name, access: {type: "private" | "public", …}}}`.
pub(crate) fn is_private(usable: &Usable, space: &Did) -> bool {
    let of_space = |link: &&Delegation| {
        let mut capabilities = link.capabilities().iter();
        capabilities.any(|one| one.with == space.as_str())
    };
    let mut links = usable.chain.iter().filter(of_space);
    links.find_map(access_type) == Some("private")
}

fn access_type(link: &Delegation) -> Option<&str> {
    let mut spaces = link.facts().iter().filter_map(|fact| fact.get("space"));
    spaces.find_map(|space| match field(field(space, "access")?, "type")? {
        Ipld::String(name) => Some(name.as_str()),
        _ => None,
    })
}

fn field<'a>(value: &'a Ipld, name: &str) -> Option<&'a Ipld> {
    match value {
        Ipld::Map(fields) => fields.get(name),
        _ => None,
    }
}

/// A delegation by which the space lets a gateway serve its content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Serving {
    /// Its CID.
    pub delegation: Cid,
    /// The gateway.
    pub audience: Did,
    /// Whether it is in force.
    pub in_force: bool,
    /// Whether it was revoked.
    pub revoked: bool,
}

/// Reads a delegation as one to a gateway, not yet asked whether it was revoked. A key that is given more than serving
/// is an agent's, no gateway's.
pub(crate) fn serving(delegation: &Delegation, case: &Case<'_>) -> Option<Serving> {
    let grants =
        |one: &Capability| one.with == case.space.as_str() && SERVING.contains(&one.can.as_str());
    let capabilities = delegation.capabilities();
    let is_to_gateway = if delegation.audience().is_key() {
        !capabilities.is_empty() && capabilities.iter().all(grants)
    } else {
        capabilities.iter().any(grants)
    };
    let signed = Verifier::from_did(case.space).is_ok_and(|verifier| delegation.verify(&verifier));
    let ucan = delegation.ucan();
    (is_to_gateway && signed).then(|| Serving {
        delegation: *delegation.cid(),
        audience: delegation.audience().clone(),
        in_force: ucan.expiration.is_none_or(|end| end > case.now)
            && ucan.not_before.is_none_or(|start| start < case.now),
        revoked: false,
    })
}

/// Why the owner does not want our gateway to serve the space; none if nothing says so.
///
/// It was asked to and then forbidden, or others may serve the space and it was never asked.
pub(crate) fn declined(all: &[Serving], gateway: &Did) -> Option<String> {
    let (ours, others): (Vec<_>, Vec<_>) = all.iter().partition(|one| one.audience == *gateway);
    if ours.iter().any(|one| one.in_force && !one.revoked) {
        return None;
    }
    if let Some(one) = ours.iter().find(|one| one.revoked) {
        let cid = one.delegation;
        return Some(format!("revoked {cid}, by which {gateway} might serve it"));
    }
    let other = others.iter().find(|one| one.in_force && !one.revoked)?;
    let Serving {
        delegation,
        audience,
        ..
    } = other;
    ours.is_empty()
        .then(|| format!("lets {audience} serve it ({delegation}), and not {gateway}"))
}
