//! Receipts that travel inside invocations (protocol: transport §5, §6).

use cid::Cid;

use super::{Error, Message, Receipt};
use crate::proto::ucan::Delegation;
use crate::proto::{Did, Signer};

/// Makes the `ucan/conclude` invocation that carries a receipt; always the same bytes for the same receipt and issuer.
pub fn conclude(issuer: &Signer, audience: &Did, receipt: &Receipt) -> Result<Delegation, Error> {
    let _ = (issuer, audience, receipt);
    todo!()
}

/// The receipt that a `ucan/conclude` invocation carries.
pub fn concluded(invocation: &Delegation) -> Result<Receipt, Error> {
    let _ = invocation;
    todo!()
}

/// Finds the receipt of a task in a message: reported, concluded by an invocation, or in a concluded conclusion.
pub fn find_receipt(message: &Message, task: &Cid) -> Result<Option<Receipt>, Error> {
    let _ = (message, task);
    todo!()
}
