//! Receipts that travel inside invocations (docs/protocol/transport.md §5, §6).

use cid::Cid;
use ipld_core::ipld::Ipld;

use super::{Message, MessageError, Receipt};
use crate::proto::ucan::{Capability, Delegation, Draft, Fact};
use crate::proto::{Did, Signer};

/// The ability.
const CONCLUDE: &str = "ucan/conclude";

/// Makes the `ucan/conclude` invocation that carries a receipt; always the same bytes for the same receipt and issuer.
///
/// # Errors
/// As [`Draft::sign`].
pub fn conclude(
    issuer: &Signer,
    audience: &Did,
    receipt: &Receipt,
) -> Result<Delegation, MessageError> {
    let blocks = receipt.export();
    let links = blocks
        .iter()
        .enumerate()
        .map(|(at, block)| (at.to_string(), Ipld::Link(block.cid)));
    let capability =
        Capability::new(CONCLUDE, issuer.key_did().as_str()).caveat("receipt", *receipt.cid());
    let draft = Draft::new(issuer, audience)
        .capability(capability)
        .fact(links.collect::<Fact>());
    Ok(blocks.into_iter().fold(draft, Draft::attach).sign()?)
}

/// The receipt that a `ucan/conclude` invocation carries.
///
/// # Errors
/// It is no `ucan/conclude` with one capability and a receipt, or as [`Receipt::view`].
pub fn concluded(invocation: &Delegation) -> Result<Receipt, MessageError> {
    let [capability] = invocation.capabilities() else {
        return Err(MessageError::Conclude("it has not exactly one capability"));
    };
    match capability.get("receipt") {
        Some(Ipld::Link(cid)) if capability.can == CONCLUDE => {
            Receipt::view_shared(cid, invocation.blocks())
        }
        _ => Err(MessageError::Conclude(
            "it is not a ucan/conclude with a receipt",
        )),
    }
}

/// Finds the receipt of a task in a message: reported, or inside a `ucan/conclude` that the message executes, that a
/// report ran, or that a report sets in motion. Services file receipts under all of these places.
/// A malformed invocation or receipt on the way counts as not there.
///
/// # Errors
/// As [`Message::receipt`].
pub fn find_receipt(message: &Message, task: &Cid) -> Result<Option<Receipt>, MessageError> {
    if let Some(receipt) = message.receipt(task)? {
        return Ok(Some(receipt));
    }
    let blocks = message.blocks();
    let executed = message
        .execute()
        .iter()
        .filter_map(|cid| Delegation::view_shared(cid, blocks).ok());
    let reported = message
        .report()
        .iter()
        .filter_map(|(_, root)| Receipt::view_shared(root, blocks).ok());
    let around = reported.flat_map(|receipt| {
        let tasks = std::iter::once(receipt.ran()).chain(receipt.forks());
        let tasks: Vec<_> = tasks.chain(receipt.join()).collect();
        tasks
            .into_iter()
            .filter_map(|task| task.delegation().cloned())
    });
    Ok(executed.chain(around).find_map(|invocation| {
        concluded(&invocation)
            .ok()
            .filter(|found| found.ran().cid() == task)
    }))
}
