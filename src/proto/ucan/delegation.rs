//! A delegation with the blocks that came along.

use std::sync::Arc;

use cid::Cid;

use super::{Capability, Error, Fact, Ucan};
use crate::proto::{Block, Blocks, Did, Verifier};

/// A UCAN, its block as received, and the blocks it can be resolved against. Cheap to clone; equal when the CIDs are.
#[derive(Clone)]
pub struct Delegation(Arc<Inner>);

struct Inner {
    block: Block,
    ucan: Ucan,
    blocks: Arc<Blocks>,
}

/// A delegation that is cited: with its block if that is here, else by its link.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Proof {
    /// The block is here.
    Delegation(Delegation),
    /// Only the link is known.
    Link(Cid),
}

impl Proof {
    /// The CID of the delegation.
    #[must_use]
    pub fn cid(&self) -> &Cid {
        match self {
            Self::Delegation(delegation) => delegation.cid(),
            Self::Link(cid) => cid,
        }
    }

    /// The delegation, if its block is here.
    #[must_use]
    pub fn delegation(&self) -> Option<&Delegation> {
        match self {
            Self::Delegation(delegation) => Some(delegation),
            Self::Link(_) => None,
        }
    }
}

impl From<Delegation> for Proof {
    fn from(delegation: Delegation) -> Self {
        Self::Delegation(delegation)
    }
}

impl From<Cid> for Proof {
    fn from(cid: Cid) -> Self {
        Self::Link(cid)
    }
}

impl Delegation {
    /// Finds the UCAN block `cid` among `blocks` and reads it. Proofs are looked up among the same blocks.
    pub fn view(cid: &Cid, blocks: &Blocks) -> Result<Self, Error> {
        Self::view_shared(cid, &Arc::new(blocks.clone()))
    }

    /// As [`Delegation::view`], without copying the set of blocks.
    pub fn view_shared(cid: &Cid, blocks: &Arc<Blocks>) -> Result<Self, Error> {
        let _ = (cid, blocks);
        todo!()
    }

    /// The CID of the UCAN block.
    #[must_use]
    pub fn cid(&self) -> &Cid {
        &self.0.block.cid
    }

    /// The UCAN block as received or written.
    #[must_use]
    pub fn block(&self) -> &Block {
        &self.0.block
    }

    /// The decoded fields.
    #[must_use]
    pub fn ucan(&self) -> &Ucan {
        &self.0.ucan
    }

    /// Who grants.
    #[must_use]
    pub fn issuer(&self) -> &Did {
        &self.0.ucan.issuer
    }

    /// Who is granted.
    #[must_use]
    pub fn audience(&self) -> &Did {
        &self.0.ucan.audience
    }

    /// What is granted.
    #[must_use]
    pub fn capabilities(&self) -> &[Capability] {
        &self.0.ucan.capabilities
    }

    /// Unix seconds at which it ends; `None` = never.
    #[must_use]
    pub fn expiration(&self) -> Option<u64> {
        self.0.ucan.expiration
    }

    /// Statements beside the grant.
    #[must_use]
    pub fn facts(&self) -> &[Fact] {
        &self.0.ucan.facts
    }

    /// All blocks that came along, in the order they came; more than [`Delegation::export`] may be among them.
    #[must_use]
    pub fn blocks(&self) -> &Arc<Blocks> {
        &self.0.blocks
    }

    /// The delegations this one rests on, in order. A cited block that is no UCAN counts as link.
    #[must_use]
    pub fn proofs(&self) -> Vec<Proof> {
        todo!()
    }

    /// The blocks of this delegation in the order in which it is sent: proofs depth first, attached blocks, UCAN
    /// (protocol: ucan §6).
    #[must_use]
    pub fn export(&self) -> Vec<Block> {
        todo!()
    }

    /// Checks the signature with a key whose DID must be the issuer. Says nothing of time, proofs or sessions.
    #[must_use]
    pub fn verify(&self, verifier: &Verifier) -> bool {
        let _ = verifier;
        todo!()
    }
}

impl PartialEq for Delegation {
    fn eq(&self, other: &Self) -> bool {
        self.cid() == other.cid()
    }
}

impl Eq for Delegation {}

impl std::fmt::Debug for Delegation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Delegation")
            .field("cid", &self.cid().to_string())
            .field("ucan", self.ucan())
            .finish_non_exhaustive()
    }
}
