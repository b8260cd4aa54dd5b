//! Receipts: what came of an invocation (docs/protocol/transport.md §3).

use std::sync::Arc;

use cid::Cid;

use super::MessageError;
use super::outcome::{Model, Outcome};
use crate::proto::ucan::{Delegation, Proof};
use crate::proto::{Block, Blocks, Did, Signature, Signer, Verifier};

/// An invocation or effect: with its blocks, or by its link alone.
pub type Task = Proof;

/// What an invocation sets in motion.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Effects {
    /// Tasks, in order, that run on their own.
    pub fork: Vec<Task>,
    /// The task that the result waits for.
    pub join: Option<Task>,
}

/// A signed outcome of an invocation. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Receipt(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    root: Block,
    model: Model,
    blocks: Arc<Blocks>,
}

impl Receipt {
    /// Signs what came of `ran`. Blocks of `ran` and of the effects travel along if they are given.
    ///
    /// # Errors
    /// The outcome holds an integer beyond 64 bits or a float that is not finite.
    pub fn issue(
        issuer: &Signer,
        ran: impl Into<Task>,
        outcome: Outcome,
        effects: Effects,
    ) -> Result<Self, MessageError> {
        let ran = ran.into();
        let Effects { fork, join } = effects;
        let mut blocks = Blocks::new();
        for task in std::iter::once(&ran).chain(&fork).chain(&join) {
            blocks.extend(
                task.delegation()
                    .map(Delegation::export)
                    .unwrap_or_default(),
            );
        }
        let model = Model::sign(
            issuer,
            *ran.cid(),
            outcome,
            fork.into_iter().map(|task| *task.cid()).collect(),
            join.map(|task| *task.cid()),
        )?;
        let root = Block::dag_cbor(&model.to_ipld())?;
        blocks.insert(root.clone());
        Ok(Self(Arc::new(Inner {
            root,
            model,
            blocks: Arc::new(blocks),
        })))
    }

    /// Finds the receipt block `cid` among `blocks` and reads it.
    ///
    /// # Errors
    /// The block is not among them, or is no receipt.
    pub fn view(cid: &Cid, blocks: &Blocks) -> Result<Self, MessageError> {
        Self::view_shared(cid, &Arc::new(blocks.clone()))
    }

    /// As [`Receipt::view`], without copying the set of blocks.
    ///
    /// # Errors
    /// As [`Receipt::view`].
    pub fn view_shared(cid: &Cid, blocks: &Arc<Blocks>) -> Result<Self, MessageError> {
        let root = blocks.get(cid).ok_or(MessageError::Missing(*cid))?;
        let model = Model::decode(&root.bytes)?;
        Ok(Self(Arc::new(Inner {
            root,
            model,
            blocks: Arc::clone(blocks),
        })))
    }

    /// The CID of the receipt block.
    #[must_use]
    pub fn cid(&self) -> &Cid {
        &self.0.root.cid
    }

    /// The receipt block as received or written.
    #[must_use]
    pub fn block(&self) -> &Block {
        &self.0.root
    }

    /// The invocation that ran.
    #[must_use]
    pub fn ran(&self) -> Task {
        self.task(&self.0.model.ran)
    }

    /// What came out.
    #[must_use]
    pub fn outcome(&self) -> &Outcome {
        &self.0.model.outcome
    }

    /// The tasks forked, in order.
    #[must_use]
    pub fn forks(&self) -> Vec<Task> {
        self.0.model.fork.iter().map(|cid| self.task(cid)).collect()
    }

    /// The task that the result waits for.
    #[must_use]
    pub fn join(&self) -> Option<Task> {
        self.0.model.join.as_ref().map(|cid| self.task(cid))
    }

    /// The delegations that let the issuer sign, mostly none.
    #[must_use]
    pub fn proofs(&self) -> Vec<Proof> {
        self.0
            .model
            .proofs
            .iter()
            .map(|cid| self.task(cid))
            .collect()
    }

    /// Who signed, if that is written.
    #[must_use]
    pub fn issuer(&self) -> Option<&Did> {
        self.0.model.issuer.as_ref()
    }

    /// The signature.
    #[must_use]
    pub fn signature(&self) -> &Signature {
        &self.0.model.signature
    }

    /// All blocks that came along.
    #[must_use]
    pub fn blocks(&self) -> &Arc<Blocks> {
        &self.0.blocks
    }

    /// The bytes that the signature covers: the DAG-CBOR of `ocm`.
    #[must_use]
    pub fn signed_bytes(&self) -> &[u8] {
        &self.0.model.signed
    }

    /// Checks the signature. The verifier's DID must be the issuer, if one is written.
    #[must_use]
    pub fn verify(&self, verifier: &Verifier) -> bool {
        self.issuer().is_none_or(|issuer| issuer == verifier.did())
            && verifier.verify(&self.0.model.signed, &self.0.model.signature)
    }

    /// The blocks in the order in which a receipt is sent: ran, forks, join, proofs, receipt.
    #[must_use]
    pub fn export(&self) -> Vec<Block> {
        let model = &self.0.model;
        let mut out = Blocks::new();
        for cid in std::iter::once(&model.ran)
            .chain(&model.fork)
            .chain(&model.join)
            .chain(&model.proofs)
        {
            out.extend(
                self.task(cid)
                    .delegation()
                    .map(Delegation::export)
                    .unwrap_or_default(),
            );
        }
        out.insert(self.0.root.clone());
        out.iter().collect()
    }

    fn task(&self, cid: &Cid) -> Task {
        Delegation::view_shared(cid, &self.0.blocks).map_or(Task::Link(*cid), Task::Delegation)
    }
}
