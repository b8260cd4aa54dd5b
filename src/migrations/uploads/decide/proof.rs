//! Which delegation of a space lets the gateway serve it (protocol: pitfalls 58).

use crate::proto::did::Did;
use crate::proto::key::Verifier;
use crate::proto::ucan::Delegation;

/// What the account must hold, to pass it on.
const NEEDED: [&str; 2] = ["space/content/serve/*", "access/delegate"];

/// Whether a delegation will do: from the space itself, signed, to an account, in force, and wide enough.
pub(crate) fn covers(proof: &Delegation, space: &Did, now: u64) -> bool {
    let signed = Verifier::from_did(space).is_ok_and(|verifier| proof.verify(&verifier));
    proof.issuer() == space
        && proof.audience().is_mailto()
        && proof.expiration().is_none_or(|end| end > now)
        && proof.ucan().not_before.is_none_or(|start| start < now)
        && signed
        && NEEDED.iter().all(|ability| grants(proof, space, ability))
}

fn grants(proof: &Delegation, space: &Did, ability: &str) -> bool {
    proof.capabilities().iter().any(|capability| {
        let resource = capability.with == space.as_str() || capability.with == "ucan:*";
        let narrowed = matches!(&capability.nb, Some(ipld_core::ipld::Ipld::Map(caveats)) if !caveats.is_empty());
        resource && !narrowed && matches(&capability.can, ability)
    })
}

/// `*`, the ability itself, or `ns/*` over it.
fn matches(pattern: &str, ability: &str) -> bool {
    let wide = pattern
        .strip_suffix('*')
        .filter(|namespace| namespace.ends_with('/'));
    pattern == "*"
        || pattern == ability
        || wide.is_some_and(|namespace| ability.starts_with(namespace))
}

/// The best of delegations that will do, always the same one: the customer's own, the one that lasts longest, the
/// lowest CID.
pub(crate) fn choose<'a>(
    proofs: &'a [Delegation],
    space: &Did,
    customer: &Did,
    now: u64,
) -> Option<&'a Delegation> {
    proofs
        .iter()
        .filter(|proof| covers(proof, space, now))
        .min_by_key(|proof| {
            let own = proof.audience() == customer;
            let lasts = proof.expiration().unwrap_or(u64::MAX);
            (!own, u64::MAX - lasts, *proof.cid())
        })
}
