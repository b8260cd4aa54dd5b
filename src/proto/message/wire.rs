//! The message block and the CAR around it (protocol: transport §1).

use std::sync::Arc;

use cid::Cid;

use super::{Error, Receipt};
use crate::proto::ucan::Delegation;
use crate::proto::{Block, Blocks};

/// An agent message. Blocks are kept as received, so that a message encodes to the bytes it came in.
#[derive(Debug, Clone)]
pub struct Message {
    root: Block,
    execute: Vec<Cid>,
    report: Vec<(Cid, Cid)>,
    blocks: Arc<Blocks>,
}

impl Message {
    /// Makes a message of invocations, in order.
    pub fn request(invocations: &[Delegation]) -> Result<Self, Error> {
        Self::new(invocations, &[])
    }

    /// Makes a message of receipts.
    pub fn reply(receipts: &[Receipt]) -> Result<Self, Error> {
        Self::new(&[], receipts)
    }

    /// Makes a message of both. A repeated invocation stays repeated in the list; blocks go once.
    pub fn new(invocations: &[Delegation], receipts: &[Receipt]) -> Result<Self, Error> {
        let _ = (invocations, receipts);
        todo!()
    }

    /// The CAR body.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        todo!()
    }

    /// Reads a CAR body. Invocations and receipts are read when asked for.
    pub fn decode(bytes: &[u8]) -> Result<Self, Error> {
        let _ = bytes;
        todo!()
    }

    /// The CID of the message block.
    #[must_use]
    pub fn cid(&self) -> &Cid {
        &self.root.cid
    }

    /// Links of the invocations to execute, in order.
    #[must_use]
    pub fn execute(&self) -> &[Cid] {
        &self.execute
    }

    /// Pairs of invocation and receipt links.
    #[must_use]
    pub fn report(&self) -> &[(Cid, Cid)] {
        &self.report
    }

    /// All blocks of the message, the message block too.
    #[must_use]
    pub fn blocks(&self) -> &Arc<Blocks> {
        &self.blocks
    }

    /// The invocations to execute, in order.
    pub fn invocations(&self) -> Result<Vec<Delegation>, Error> {
        self.execute
            .iter()
            .map(|cid| Ok(Delegation::view_shared(cid, &self.blocks)?))
            .collect()
    }

    /// The receipt reported for an invocation; nothing if the message reports none for it.
    pub fn receipt(&self, ran: &Cid) -> Result<Option<Receipt>, Error> {
        let found = self.report.iter().find(|(task, _)| task == ran);
        found
            .map(|(_, root)| Receipt::view_shared(root, &self.blocks))
            .transpose()
    }

    /// All reported receipts, in no order that means anything.
    pub fn receipts(&self) -> Result<Vec<Receipt>, Error> {
        self.report
            .iter()
            .map(|(_, root)| Receipt::view_shared(root, &self.blocks))
            .collect()
    }
}
