//! What a service knows when it decides.

use crate::proto::ucan::Delegation;
use crate::proto::{Did, Verifier};

/// What a service knows when it decides.
#[derive(Clone, Copy)]
pub struct Context<'a> {
    /// The service's own key under its own DID.
    pub authority: &'a Verifier,
    /// Delegations by the authority that let others attest for it (`ucan/attest`).
    pub authority_proofs: &'a [Delegation],
    /// Gives the did:keys of a DID that is no did:key; none if unknown.
    pub resolve: &'a (dyn Fn(&Did) -> Vec<Did> + Sync),
    /// Unix seconds.
    pub now: u64,
    /// Tells whether a delegation was revoked.
    pub revoked: &'a (dyn Fn(&Delegation) -> bool + Sync),
}

impl<'a> Context<'a> {
    /// A context without authority proofs, that resolves nothing and has nothing revoked.
    #[must_use]
    pub fn new(authority: &'a Verifier, now: u64) -> Self {
        Self {
            authority,
            authority_proofs: &[],
            resolve: &|_| Vec::new(),
            now,
            revoked: &|_| false,
        }
    }
}
