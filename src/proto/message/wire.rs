//! The message block and the CAR around it (docs/protocol/transport.md §1).

use std::sync::Arc;

use cid::Cid;
use ipld_core::ipld::Ipld;

use super::{MessageError, Receipt};
use crate::proto::carrier::{self, Carried};
use crate::proto::ucan::{Caveats, Delegation};
use crate::proto::{Block, Blocks, cbor};

/// Key of the message block.
const VERSION: &str = "ucanto/message@7.0.0";
/// Key of the invocations.
const EXECUTE: &str = "execute";
/// Key of the receipts.
const REPORT: &str = "report";

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
    ///
    /// # Errors
    /// As [`Message::new`].
    pub fn request(invocations: &[Delegation]) -> Result<Self, MessageError> {
        Self::new(invocations, &[])
    }

    /// Makes a message of receipts.
    ///
    /// # Errors
    /// As [`Message::new`].
    pub fn reply(receipts: &[Receipt]) -> Result<Self, MessageError> {
        Self::new(&[], receipts)
    }

    /// Makes a message of both. A repeated invocation stays repeated in the list; blocks go once.
    ///
    /// # Errors
    /// None in practice: lists and maps of links always have a DAG-CBOR form.
    pub fn new(invocations: &[Delegation], receipts: &[Receipt]) -> Result<Self, MessageError> {
        let mut blocks = Blocks::new();
        let mut report: Vec<(Cid, Cid)> = Vec::new();
        for invocation in invocations {
            blocks.extend(invocation.export());
        }
        for receipt in receipts {
            blocks.extend(receipt.export());
            if report.iter().all(|(ran, _)| ran != receipt.ran().cid()) {
                report.push((*receipt.ran().cid(), *receipt.cid()));
            }
        }
        let execute: Vec<_> = invocations
            .iter()
            .map(|invocation| *invocation.cid())
            .collect();
        let mut parts = Caveats::new();
        if !execute.is_empty() {
            parts.insert(
                EXECUTE.into(),
                Ipld::List(execute.iter().copied().map(Ipld::Link).collect()),
            );
        }
        if !report.is_empty() {
            let entries = report
                .iter()
                .map(|(ran, root)| (ran.to_string(), Ipld::Link(*root)));
            parts.insert(REPORT.into(), Ipld::Map(entries.collect()));
        }
        let root = Block::dag_cbor(&Ipld::Map([(VERSION.to_owned(), Ipld::Map(parts))].into()))?;
        blocks.insert(root.clone());
        Ok(Self {
            root,
            execute,
            report,
            blocks: Arc::new(blocks),
        })
    }

    /// The CAR body. A decoded message keeps the order of its blocks.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        carrier::write(&[self.root.cid], &self.blocks)
    }

    /// Reads a CAR body. Invocations and receipts are read when asked for.
    ///
    /// # Errors
    /// The bytes are no CAR, a block does not match its CID, or the first root is no message of this version.
    pub fn decode(bytes: &[u8]) -> Result<Self, MessageError> {
        let Carried { roots, blocks } = carrier::read(bytes)?;
        let cid = roots
            .first()
            .ok_or(MessageError::Message("the CAR has no root"))?;
        let root = blocks.get(cid).ok_or(MessageError::Missing(*cid))?;
        let Ipld::Map(mut variants) = cbor::decode(&root.bytes)? else {
            return Err(MessageError::Message("the root is not a map"));
        };
        let Some(Ipld::Map(mut parts)) = variants.remove(VERSION) else {
            return Err(MessageError::Message(
                "the root is not a ucanto/message@7.0.0",
            ));
        };
        let execute = match parts.remove(EXECUTE) {
            None => Vec::new(),
            Some(Ipld::List(links)) => links.iter().map(link).collect::<Result<_, _>>()?,
            Some(_) => return Err(MessageError::Message("execute is not a list")),
        };
        let report = match parts.remove(REPORT) {
            None => Vec::new(),
            Some(Ipld::Map(entries)) => entries
                .into_iter()
                .map(reported)
                .collect::<Result<_, _>>()?,
            Some(_) => return Err(MessageError::Message("report is not a map")),
        };
        Ok(Self {
            root,
            execute,
            report,
            blocks: Arc::new(blocks),
        })
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
    ///
    /// # Errors
    /// A block of one is missing, or is no delegation.
    pub fn invocations(&self) -> Result<Vec<Delegation>, MessageError> {
        self.execute
            .iter()
            .map(|cid| Ok(Delegation::view_shared(cid, &self.blocks)?))
            .collect()
    }

    /// The receipt reported for an invocation; nothing if the message reports none for it.
    ///
    /// # Errors
    /// When it cannot be read, or is the receipt of something else: nobody signs the list that it was found in.
    pub fn receipt(&self, ran: &Cid) -> Result<Option<Receipt>, MessageError> {
        let Some((_, root)) = self.report.iter().find(|(task, _)| task == ran) else {
            return Ok(None);
        };
        let receipt = Receipt::view_shared(root, &self.blocks)?;
        let said = *receipt.ran().cid();
        if said == *ran {
            Ok(Some(receipt))
        } else {
            Err(MessageError::OfAnother(said))
        }
    }

    /// All reported receipts, in no order that means anything.
    ///
    /// # Errors
    /// A block of one is missing, or is no receipt.
    pub fn receipts(&self) -> Result<Vec<Receipt>, MessageError> {
        self.report
            .iter()
            .map(|(_, root)| Receipt::view_shared(root, &self.blocks))
            .collect()
    }
}

fn link(value: &Ipld) -> Result<Cid, MessageError> {
    match value {
        Ipld::Link(cid) => Ok(*cid),
        _ => Err(MessageError::Message(
            "execute or report holds something that is not a link",
        )),
    }
}

fn reported((ran, root): (String, Ipld)) -> Result<(Cid, Cid), MessageError> {
    let ran = Cid::try_from(ran.as_str())
        .map_err(|_| MessageError::Message("report has a key that is not a CID"))?;
    Ok((ran, link(&root)?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::Signer;
    use crate::proto::message::{Effects, Outcome, conclude, find_receipt};
    use crate::proto::ucan::{Capability, Draft, Proof};

    /// A message that reports a receipt under a task of somebody's choice.
    fn filed_under(task: &Cid, receipt: &Receipt) -> Message {
        let report = Ipld::Map([(task.to_string(), Ipld::Link(*receipt.cid()))].into());
        let parts = Ipld::Map([(REPORT.to_owned(), report)].into());
        let root = Block::dag_cbor(&Ipld::Map([(VERSION.to_owned(), parts)].into())).unwrap();
        let mut blocks = Blocks::new();
        blocks.extend(receipt.export());
        blocks.insert(root.clone());
        Message::decode(&carrier::write(&[root.cid], &blocks)).unwrap()
    }

    #[test]
    fn a_receipt_is_found_only_under_what_it_says_it_is_of() {
        let [service, agent] = [1, 2].map(|seed| Signer::from_seed([seed; 32]));
        let invoke = |can: &str| {
            let capability = Capability::new(can, agent.did().as_str());
            let draft = Draft::new(&agent, service.did()).capability(capability);
            draft.sign().unwrap()
        };
        let [old, new] = ["old/task", "new/task"].map(invoke);
        // With the whole invocation in it, and with its link alone.
        for ran in [Proof::Delegation(old.clone()), Proof::Link(*old.cid())] {
            let receipt = Receipt::issue(&service, ran, Outcome::done(), Effects::default());
            let receipt = receipt.unwrap();
            let right = filed_under(old.cid(), &receipt);
            let found = right.receipt(old.cid()).unwrap().unwrap();
            assert_eq!(found.cid(), receipt.cid());
            let wrong = filed_under(new.cid(), &receipt);
            for found in [wrong.receipt(new.cid()), find_receipt(&wrong, new.cid())] {
                let is_named =
                    matches!(found, Err(MessageError::OfAnother(ran)) if ran == *old.cid());
                assert!(is_named);
            }
            let conclusion = conclude(&agent, service.did(), &receipt).unwrap();
            let carrier = Message::request(&[conclusion]).unwrap();
            assert!(find_receipt(&carrier, new.cid()).unwrap().is_none());
            assert!(find_receipt(&carrier, old.cid()).unwrap().is_some());
        }
    }
}
