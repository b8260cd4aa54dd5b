//! The customers file of an instance, in both shapes of the existing tool: a plain list of DIDs, or an object with
//! `customers`, whose entries are DIDs or, for a customer that was split by space, objects with `customer` and
//! `spaces`.
//!
//! A file that `setup` wrote says which plan it is a part of. One of another schema or version is refused whole. A file
//! of the existing tool, or one written by hand, is a part of no plan.

mod parse;
#[cfg(test)]
mod tests;

use std::collections::HashSet;
use std::path::PathBuf;

use crate::model::{PlanId, StateIdentity};
use crate::proto::did::Did;
use crate::proto::{CustomerDid, SpaceDid};

/// Customers of one instance, in the order of the file, each once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CustomersFile {
    /// Where it was read.
    pub path: PathBuf,
    /// The instance it was written for, when it says so.
    pub instance: Option<u32>,
    /// The plan that it is a part of; `None` for a file that `setup` did not write.
    pub plan: Option<PlanOfFile>,
    /// The customers.
    pub customers: Vec<CustomerShare>,
    /// What was put together of entries that speak of one customer, in words.
    pub notes: Vec<String>,
}

/// Which plan a customers file is a part of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlanOfFile {
    /// The plan.
    pub id: PlanId,
    /// The tables that it is for.
    pub state: StateIdentity,
}

/// A customer, or some of its spaces when it was split over instances.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CustomerShare {
    /// The customer.
    pub customer: CustomerDid,
    /// Only these spaces; `None` is all of them.
    pub spaces: Option<Vec<SpaceDid>>,
}

impl CustomerShare {
    /// Adds what this entry says to an earlier one of the same customer; says so if that changes anything.
    fn join(self, before: &mut Self) -> Option<String> {
        let customer = &before.customer;
        let (mut spaces, more) = match (before.spaces.take(), self.spaces) {
            (None, None) => return None,
            (None, Some(_)) | (Some(_), None) => {
                let text =
                    "is listed as a whole and with single spaces: all of its spaces are selected";
                return Some(format!("{customer} {text}"));
            }
            (Some(spaces), Some(more)) => (spaces, more),
        };
        spaces.extend(more);
        let mut seen = HashSet::new();
        spaces.retain(|space| seen.insert(space.clone()));
        let text = format!(
            "{customer} is listed more than once: the {} spaces of all entries are selected",
            spaces.len()
        );
        before.spaces = Some(spaces);
        Some(text)
    }
}

/// A customer: an e-mail address, as it is written, or any DID but a `did:key`, which is a space or an agent.
#[must_use]
pub fn customer_did(text: &str) -> Option<CustomerDid> {
    let is_letter = |letter: char| !letter.is_whitespace() && !letter.is_control();
    let did = if text.starts_with("did:") {
        Did::parse(text).ok().filter(|did| !did.is_key())?
    } else {
        Did::mailto(text)
            .ok()
            .filter(|_| text.chars().all(is_letter))?
    };
    did.as_str().parse().ok()
}

/// A space: a whole `did:key`.
#[must_use]
pub fn space_did(text: &str) -> Option<SpaceDid> {
    let did = Did::parse(text).ok().filter(Did::is_key)?;
    did.as_str().parse().ok()
}
