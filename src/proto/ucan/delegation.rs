//! A delegation with the blocks that came along.

use std::sync::{Arc, OnceLock};

use cid::Cid;

use super::export::export;
use super::{Capability, Fact, Ucan, UcanError};
use crate::proto::{Block, Blocks, Did, Verifier};

/// Multicodec of UCAN blocks.
pub(super) const DAG_CBOR: u64 = 0x71;

/// A UCAN, its block as received, and the blocks it can be resolved against. Cheap to clone; equal when the CIDs are.
#[derive(Clone)]
pub struct Delegation(Arc<Inner>);

struct Inner {
    block: Block,
    ucan: Ucan,
    blocks: Arc<Blocks>,
    proofs: OnceLock<Vec<Proof>>,
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
    ///
    /// # Errors
    /// The block is not among them, is not DAG-CBOR, or is no UCAN.
    pub fn view(cid: &Cid, blocks: &Blocks) -> Result<Self, UcanError> {
        Self::view_shared(cid, &Arc::new(blocks.clone()))
    }

    /// As [`Delegation::view`], without copying the set of blocks.
    ///
    /// # Errors
    /// As [`Delegation::view`].
    pub fn view_shared(cid: &Cid, blocks: &Arc<Blocks>) -> Result<Self, UcanError> {
        let block = blocks.get(cid).ok_or(UcanError::Missing(*cid))?;
        if cid.codec() != DAG_CBOR {
            return Err(UcanError::Codec(*cid));
        }
        let ucan = Ucan::decode(&block.bytes)?;
        Ok(Self::of(block, ucan, Arc::clone(blocks)))
    }

    /// Puts a delegation together.
    pub(super) fn of(block: Block, ucan: Ucan, blocks: Arc<Blocks>) -> Self {
        Self(Arc::new(Inner {
            block,
            ucan,
            blocks,
            proofs: OnceLock::new(),
        }))
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
    pub fn proofs(&self) -> &[Proof] {
        self.0.proofs.get_or_init(|| {
            let view = |cid: &Cid| {
                Self::view_shared(cid, &self.0.blocks).map_or(Proof::Link(*cid), Proof::Delegation)
            };
            self.0.ucan.proofs.iter().map(view).collect()
        })
    }

    /// The blocks of this delegation in the order in which it is sent: proofs depth first, attached blocks, UCAN
    /// (docs/protocol/ucan.md §6).
    #[must_use]
    pub fn export(&self) -> Vec<Block> {
        export(&self.0.block, &self.0.ucan, &self.0.blocks)
    }

    /// Checks the signature with a key whose DID must be the issuer. Says nothing of time, proofs or sessions.
    #[must_use]
    pub fn verify(&self, verifier: &Verifier) -> bool {
        verifier.did() == self.issuer()
            && self
                .0
                .ucan
                .signed_text()
                .is_ok_and(|text| verifier.verify(text.as_bytes(), &self.0.ucan.signature))
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
