//! Making delegations.

use std::sync::Arc;

use cid::Cid;

use super::data::VERSION;
use super::delegation::DAG_CBOR;
use super::export::attached_links;
use super::{Capability, Delegation, Fact, Proof, Ucan, UcanError};
use crate::proto::{Block, Blocks, Did, Signature, Signer};

/// Who issues a delegation.
#[derive(Clone, Copy)]
pub enum Issuer<'a> {
    /// A key signs.
    Key(&'a Signer),
    /// Nobody signs: an account that is vouched for by attestations.
    Absentee(&'a Did),
}

impl Issuer<'_> {
    /// The DID that is written as issuer.
    #[must_use]
    pub fn did(&self) -> &Did {
        match self {
            Self::Key(signer) => signer.did(),
            Self::Absentee(did) => did,
        }
    }
}

impl<'a> From<&'a Signer> for Issuer<'a> {
    fn from(signer: &'a Signer) -> Self {
        Self::Key(signer)
    }
}

impl<'a> From<&'a Did> for Issuer<'a> {
    fn from(did: &'a Did) -> Self {
        Self::Absentee(did)
    }
}

/// When a delegation ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expiration {
    /// Never; `null` on the wire.
    Never,
    /// At these Unix seconds.
    At(u64),
}

/// A delegation that is not yet signed. Without a call of [`Draft::expiration`] it never expires.
///
/// ```
/// use sterna::proto::{Signer, ucan::{Capability, Draft, Expiration}};
/// let space = Signer::from_seed([1; 32]);
/// let agent = Signer::from_seed([2; 32]);
/// let grant = Draft::new(&space, agent.did())
///     .capability(Capability::new("upload/*", space.did().as_str()))
///     .expiration(Expiration::Never)
///     .sign()?;
/// assert!(grant.verify(&space.verifier()));
/// # Ok::<(), sterna::proto::ucan::UcanError>(())
/// ```
#[must_use]
pub struct Draft<'a> {
    issuer: Issuer<'a>,
    audience: Did,
    capabilities: Vec<Capability>,
    expiration: Expiration,
    not_before: Option<u64>,
    nonce: Option<String>,
    facts: Vec<Fact>,
    proofs: Vec<Proof>,
    attached: Vec<Block>,
}

impl<'a> Draft<'a> {
    /// Starts a delegation or invocation. `issuer` is `&Signer`, or `&Did` for an absentee.
    pub fn new(issuer: impl Into<Issuer<'a>>, audience: &Did) -> Self {
        Self {
            issuer: issuer.into(),
            audience: audience.clone(),
            capabilities: Vec::new(),
            expiration: Expiration::Never,
            not_before: None,
            nonce: None,
            facts: Vec::new(),
            proofs: Vec::new(),
            attached: Vec::new(),
        }
    }

    /// Adds a capability.
    pub fn capability(mut self, capability: Capability) -> Self {
        self.capabilities.push(capability);
        self
    }

    /// Sets when it ends.
    pub fn expiration(mut self, expiration: Expiration) -> Self {
        self.expiration = expiration;
        self
    }

    /// Sets the Unix seconds after which it holds.
    pub fn not_before(mut self, seconds: u64) -> Self {
        self.not_before = Some(seconds);
        self
    }

    /// Sets the nonce; the empty text is written too.
    pub fn nonce(mut self, nonce: impl Into<String>) -> Self {
        self.nonce = Some(nonce.into());
        self
    }

    /// Adds a fact.
    pub fn fact(mut self, fact: Fact) -> Self {
        self.facts.push(fact);
        self
    }

    /// Adds a proof and its blocks.
    pub fn proof(mut self, proof: impl Into<Proof>) -> Self {
        self.proofs.push(proof.into());
        self
    }

    /// Adds proofs and their blocks.
    pub fn proofs<P: Into<Proof>>(mut self, proofs: impl IntoIterator<Item = P>) -> Self {
        self.proofs.extend(proofs.into_iter().map(Into::into));
        self
    }

    /// Adds a proof by its link alone.
    pub fn proof_link(self, cid: Cid) -> Self {
        self.proof(Proof::Link(cid))
    }

    /// Sends a block along. A caveat or fact must link to it.
    pub fn attach(mut self, block: Block) -> Self {
        self.attached.push(block);
        self
    }

    /// Signs.
    ///
    /// # Errors
    /// A capability is malformed, a value has no DAG-CBOR or DAG-JSON form, or nothing links to an attached block.
    pub fn sign(self) -> Result<Delegation, UcanError> {
        let mut blocks = Blocks::new();
        for proof in self.proofs.iter().filter_map(Proof::delegation) {
            blocks.extend(proof.export());
        }
        let mut ucan = Ucan {
            version: VERSION.to_owned(),
            issuer: self.issuer.did().clone(),
            audience: self.audience,
            capabilities: self.capabilities,
            expiration: match self.expiration {
                Expiration::Never => None,
                Expiration::At(seconds) => Some(seconds),
            },
            not_before: self.not_before.filter(|seconds| *seconds != 0),
            nonce: self.nonce,
            facts: self.facts,
            proofs: self.proofs.iter().map(|proof| *proof.cid()).collect(),
            // Names the algorithm that the signed text must name.
            signature: match self.issuer {
                Issuer::Key(_) => Signature::eddsa(&[0; 64]),
                Issuer::Absentee(_) => Signature::absentee(),
            },
        };
        for capability in &mut ucan.capabilities {
            capability.can = capability.can.to_lowercase();
            capability.check()?;
        }
        if let Issuer::Key(signer) = self.issuer {
            ucan.signature = signer.sign(ucan.signed_text()?.as_bytes());
        }
        let links = attached_links(&ucan);
        if let Some(block) = self
            .attached
            .iter()
            .find(|block| !links.contains(&block.cid))
        {
            return Err(UcanError::Unlinked(block.cid));
        }
        blocks.extend(self.attached);
        let block = Block::new(DAG_CBOR, ucan.encode()?);
        Ok(Delegation::of(block, ucan, Arc::new(blocks)))
    }
}
