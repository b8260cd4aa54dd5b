//! Where a chain of delegations breaks, as data: for those who explain it in words of their own.

use std::cell::RefCell;

use cid::Cid;

use crate::proto::Did;
use crate::proto::ucan::Capability;

/// Flaws that one decision keeps. Honest chains have a handful.
const MOST: usize = 64;

/// A delegation that fell short, and how.
#[derive(Debug, Clone, PartialEq)]
pub struct Flaw {
    /// The delegation.
    pub delegation: Cid,
    /// What is wrong with it.
    pub fault: Fault,
}

/// How a delegation falls short.
#[derive(Debug, Clone, PartialEq)]
pub enum Fault {
    /// It ended at these Unix seconds.
    Expired(u64),
    /// It holds only after these Unix seconds.
    TooEarly(u64),
    /// Neither its issuer signed it nor does anybody vouch for it.
    Unsigned,
    /// It is cited, but its block did not come along.
    Absent,
    /// It was revoked.
    Revoked,
    /// It does not grant what is claimed; these are its capabilities.
    Narrower(Vec<Capability>),
    /// Its issuer, who does not own the resource, cites nothing.
    Unfounded(Did),
    /// It is cited by another than its audience.
    Misplaced,
}

/// Collects flaws during one decision, each once.
#[derive(Default)]
pub(super) struct Flaws(RefCell<Vec<Flaw>>);

impl Flaws {
    pub(super) fn add(&self, delegation: &Cid, fault: Fault) {
        let flaw = Flaw {
            delegation: *delegation,
            fault,
        };
        let mut all = self.0.borrow_mut();
        if all.len() < MOST && !all.contains(&flaw) {
            all.push(flaw);
        }
    }

    pub(super) fn into_vec(self) -> Vec<Flaw> {
        self.0.into_inner()
    }
}
