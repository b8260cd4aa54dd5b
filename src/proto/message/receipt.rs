//! Receipts: what came of an invocation (protocol: transport §3).

use std::sync::Arc;

use cid::Cid;
use ipld_core::ipld::Ipld;

use super::Error;
use crate::proto::ucan::Proof;
use crate::proto::{Block, Blocks, Did, Signature, Signer, Verifier};

/// An invocation or effect: with its blocks, or by its link alone.
pub type Task = Proof;

/// What came out.
#[derive(Debug, Clone, PartialEq)]
pub enum Outcome {
    /// Success, with a value.
    Ok(Ipld),
    /// Failure; a map with `name` and, mostly, `message`.
    Err(Ipld),
}

impl Outcome {
    /// A failure with a name and a message.
    #[must_use]
    pub fn error(name: &str, message: &str) -> Self {
        let text = |text: &str| Ipld::String(text.to_owned());
        Self::Err(Ipld::Map(
            [
                ("name".to_owned(), text(name)),
                ("message".to_owned(), text(message)),
            ]
            .into(),
        ))
    }

    /// Success with an empty map.
    #[must_use]
    pub fn done() -> Self {
        Self::Ok(Ipld::Map([].into()))
    }

    /// The value of a success.
    #[must_use]
    pub fn ok(&self) -> Option<&Ipld> {
        match self {
            Self::Ok(value) => Some(value),
            Self::Err(_) => None,
        }
    }

    /// The value of a failure.
    #[must_use]
    pub fn err(&self) -> Option<&Ipld> {
        match self {
            Self::Ok(_) => None,
            Self::Err(value) => Some(value),
        }
    }
}

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
    ran: Cid,
    outcome: Outcome,
    fork: Vec<Cid>,
    join: Option<Cid>,
    proofs: Vec<Cid>,
    issuer: Option<Did>,
    signature: Signature,
    signed: Vec<u8>,
    blocks: Arc<Blocks>,
}

impl Receipt {
    /// Signs what came of `ran`. Blocks of `ran` and of the effects travel along if they are given.
    pub fn issue(
        issuer: &Signer,
        ran: impl Into<Task>,
        outcome: Outcome,
        effects: Effects,
    ) -> Result<Self, Error> {
        let _ = (issuer, ran.into(), outcome, effects);
        todo!()
    }

    /// Finds the receipt block `cid` among `blocks` and reads it.
    pub fn view(cid: &Cid, blocks: &Blocks) -> Result<Self, Error> {
        Self::view_shared(cid, &Arc::new(blocks.clone()))
    }

    /// As [`Receipt::view`], without copying the set of blocks.
    pub fn view_shared(cid: &Cid, blocks: &Arc<Blocks>) -> Result<Self, Error> {
        let _ = (cid, blocks);
        todo!()
    }

    /// The CID of the receipt block.
    #[must_use]
    pub fn cid(&self) -> &Cid {
        &self.0.root.cid
    }

    /// The invocation that ran.
    #[must_use]
    pub fn ran(&self) -> Task {
        todo!()
    }

    /// What came out.
    #[must_use]
    pub fn outcome(&self) -> &Outcome {
        &self.0.outcome
    }

    /// The tasks forked, in order.
    #[must_use]
    pub fn forks(&self) -> Vec<Task> {
        let _ = (&self.0.fork, &self.0.ran, &self.0.proofs, &self.0.signed);
        todo!()
    }

    /// The task that the result waits for.
    #[must_use]
    pub fn join(&self) -> Option<Task> {
        let _ = &self.0.join;
        todo!()
    }

    /// Who signed, if that is written.
    #[must_use]
    pub fn issuer(&self) -> Option<&Did> {
        self.0.issuer.as_ref()
    }

    /// The signature.
    #[must_use]
    pub fn signature(&self) -> &Signature {
        &self.0.signature
    }

    /// All blocks that came along.
    #[must_use]
    pub fn blocks(&self) -> &Arc<Blocks> {
        &self.0.blocks
    }

    /// Checks the signature. The verifier's DID must be the issuer, if one is written.
    #[must_use]
    pub fn verify(&self, verifier: &Verifier) -> bool {
        let _ = verifier;
        todo!()
    }

    /// The blocks in the order in which a receipt is sent: ran, forks, join, proofs, receipt.
    #[must_use]
    pub fn export(&self) -> Vec<Block> {
        todo!()
    }
}
