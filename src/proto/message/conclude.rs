//! Receipts that travel inside invocations (protocol: transport §5, §6).

use cid::Cid;
use ipld_core::ipld::Ipld;

use super::{Error, Message, Receipt};
use crate::proto::ucan::{Capability, Delegation, Draft, Fact};
use crate::proto::{Did, Signer};

/// The ability.
const CONCLUDE: &str = "ucan/conclude";

/// Makes the `ucan/conclude` invocation that carries a receipt; always the same bytes for the same receipt and issuer.
pub fn conclude(issuer: &Signer, audience: &Did, receipt: &Receipt) -> Result<Delegation, Error> {
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
pub fn concluded(invocation: &Delegation) -> Result<Receipt, Error> {
    let [capability] = invocation.capabilities() else {
        return Err(Error::Conclude("it has not exactly one capability"));
    };
    match capability.get("receipt") {
        Some(Ipld::Link(cid)) if capability.can == CONCLUDE => {
            Receipt::view_shared(cid, invocation.blocks())
        }
        _ => Err(Error::Conclude("it is no ucan/conclude with a receipt")),
    }
}

/// Finds the receipt of a task in a message: reported, concluded by an invocation, or in a concluded conclusion.
/// A malformed invocation or receipt on the way counts as not there.
pub fn find_receipt(message: &Message, task: &Cid) -> Result<Option<Receipt>, Error> {
    if let Some(receipt) = message.receipt(task)? {
        return Ok(Some(receipt));
    }
    let of_task = |invocation: &Delegation| {
        concluded(invocation)
            .ok()
            .filter(|found| found.ran().cid() == task)
    };
    let blocks = message.blocks();
    let executed = message
        .execute()
        .iter()
        .filter_map(|cid| Delegation::view_shared(cid, blocks).ok());
    if let Some(receipt) = executed
        .into_iter()
        .find_map(|invocation| of_task(&invocation))
    {
        return Ok(Some(receipt));
    }
    let reported = message
        .report()
        .iter()
        .filter_map(|(_, root)| Receipt::view_shared(root, blocks).ok());
    Ok(reported
        .into_iter()
        .find_map(|receipt| of_task(receipt.ran().delegation()?)))
}
