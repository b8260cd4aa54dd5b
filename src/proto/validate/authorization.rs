//! What was proven.

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

impl Authorization {
    /// Goes from the claim to the root of the chain.
    pub fn chain(&self) -> impl Iterator<Item = &Self> {
        std::iter::successors(Some(self), |link| link.proof.as_deref())
    }
}
