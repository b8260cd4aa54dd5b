//! Delegations as CAR files: archives of one, and `delegationsToBytes` of several (protocol: ucan §6).

use super::{Delegation, Error};

/// Writes the archive of a delegation: its export, then a variant block that is the only root.
pub fn archive(delegation: &Delegation) -> Result<Vec<u8>, Error> {
    let _ = delegation;
    todo!()
}

/// Reads an archive.
pub fn extract(bytes: &[u8]) -> Result<Delegation, Error> {
    let _ = bytes;
    todo!()
}

/// Writes `delegationsToBytes`: a CAR whose roots are the delegations.
pub fn to_bytes(delegations: &[Delegation]) -> Result<Vec<u8>, Error> {
    let _ = delegations;
    todo!()
}

/// Reads `delegationsToBytes`: one delegation per root, each seeing all blocks.
pub fn from_bytes(bytes: &[u8]) -> Result<Vec<Delegation>, Error> {
    let _ = bytes;
    todo!()
}
