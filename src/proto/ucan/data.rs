//! The fields of a UCAN block (protocol: ucan §1).

use cid::Cid;
use ipld_core::ipld::Ipld;

use super::{Capability, Caveats, Error};
use crate::proto::{Did, Signature};

/// One entry of `fct`.
pub type Fact = Caveats;

/// The fields of a UCAN as decoded.
#[derive(Debug, Clone, PartialEq)]
pub struct Ucan {
    /// Version text, `0.9.1`.
    pub version: String,
    /// Who grants.
    pub issuer: Did,
    /// Who is granted.
    pub audience: Did,
    /// What is granted.
    pub capabilities: Vec<Capability>,
    /// Unix seconds at which it ends; `None` = never.
    pub expiration: Option<u64>,
    /// Unix seconds before which it does not hold; `None` and 0 = always.
    pub not_before: Option<u64>,
    /// Text that makes the CID another one. `None` and empty are different bytes with equal signatures.
    pub nonce: Option<String>,
    /// Statements beside the grant.
    pub facts: Vec<Fact>,
    /// Links of the delegations that this one rests on.
    pub proofs: Vec<Cid>,
    /// The signature over [`super::payload`].
    pub signature: Signature,
}

impl Ucan {
    /// Reads the fields out of a decoded UCAN block.
    pub fn from_ipld(value: Ipld) -> Result<Self, Error> {
        let _ = value;
        todo!()
    }
}
