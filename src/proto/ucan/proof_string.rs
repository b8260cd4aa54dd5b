//! Delegations as one line of text, the form of environment variables (protocol: ucan §6).

use super::{Delegation, Error};

/// Writes a proof string: base64 of a CID whose identity hash is the archive.
pub fn format_proof(delegation: &Delegation) -> Result<String, Error> {
    let _ = delegation;
    todo!()
}

/// Reads a proof string: a CID of an archive or of a legacy CAR, or base64 of such a CAR without prefix.
pub fn parse_proof(text: &str) -> Result<Delegation, Error> {
    let _ = text;
    todo!()
}
