//! The walk from a claim to the owner of its resource.

use super::{Context, InvalidAudience, Rule, Unauthorized};
use crate::proto::Did;
use crate::proto::ucan::{Capability, Delegation};

/// A capability that is proven, with the chain that proves it.
#[derive(Debug, Clone)]
pub struct Authorization {
    /// The capability as claimed.
    pub capability: Capability,
    /// The delegation that claims it.
    pub delegation: Delegation,
    /// What the delegation rests on; nothing if its issuer owns the resource.
    pub proof: Option<Box<Authorization>>,
}

/// Decides whether an invocation may do what it claims: the first of its capabilities that fits the rule and is proven.
///
/// The audience is not compared here; see [`audience`].
pub fn access(
    invocation: &Delegation,
    rule: &Rule,
    context: &Context<'_>,
) -> Result<Authorization, Unauthorized> {
    claim(rule, std::slice::from_ref(invocation), context)
}

/// Decides whether any of the delegations proves the rule's ability.
pub fn claim(
    rule: &Rule,
    delegations: &[Delegation],
    context: &Context<'_>,
) -> Result<Authorization, Unauthorized> {
    let _ = (rule, delegations, context);
    todo!()
}

/// Checks that an invocation is meant for a service: its own DID, or one of the alternatives.
pub fn audience(
    invocation: &Delegation,
    own: &Did,
    alternatives: &[Did],
) -> Result<(), InvalidAudience> {
    let got = invocation.audience();
    if got == own || alternatives.contains(got) {
        return Ok(());
    }
    Err(InvalidAudience {
        expected: own.clone(),
        got: got.clone(),
    })
}
