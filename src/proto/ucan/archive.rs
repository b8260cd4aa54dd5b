//! Delegations as CAR files: archives of one, and `delegationsToBytes` of several (docs/protocol/ucan.md §6).

use std::sync::Arc;

use ipld_core::ipld::Ipld;

use super::{Delegation, UcanError};
use crate::proto::carrier::{self, Carried};
use crate::proto::{Block, Blocks, cbor};

/// Key of the variant block.
const VARIANT: &str = "ucan@0.9.1";

/// Writes the archive of a delegation: its export, then a variant block that is the only root.
///
/// # Errors
/// None in practice: a map of one link always has a DAG-CBOR form.
pub fn archive(delegation: &Delegation) -> Result<Vec<u8>, UcanError> {
    let variant = Ipld::Map([(VARIANT.to_owned(), Ipld::Link(*delegation.cid()))].into());
    let variant = Block::dag_cbor(&variant)?;
    let mut blocks: Blocks = delegation.export().into_iter().collect();
    blocks.insert(variant.clone());
    Ok(carrier::write(&[variant.cid], &blocks))
}

/// Reads an archive. Every block is checked against its CID.
///
/// # Errors
/// The bytes are no CAR, a block does not match its CID, or the root does not lead to a delegation.
pub fn extract(bytes: &[u8]) -> Result<Delegation, UcanError> {
    extract_from(carrier::read(bytes)?)
}

/// Reads the archive out of a CAR that is read already.
pub(super) fn extract_from(car: Carried) -> Result<Delegation, UcanError> {
    let root = car.roots.first().ok_or(UcanError::Variant)?;
    let variant = cbor::decode(&car.blocks.get(root).ok_or(UcanError::Missing(*root))?.bytes)?;
    match variant {
        Ipld::Map(entries) => match entries.get(VARIANT) {
            Some(Ipld::Link(cid)) if entries.len() == 1 => {
                Delegation::view_shared(cid, &Arc::new(car.blocks))
            }
            _ => Err(UcanError::Variant),
        },
        _ => Err(UcanError::Variant),
    }
}

/// Writes `delegationsToBytes`: a CAR whose roots are the delegations.
#[must_use]
pub fn to_bytes(delegations: &[Delegation]) -> Vec<u8> {
    let roots: Vec<_> = delegations
        .iter()
        .map(|delegation| *delegation.cid())
        .collect();
    let blocks = delegations.iter().flat_map(Delegation::export).collect();
    carrier::write(&roots, &blocks)
}

/// Reads `delegationsToBytes`: one delegation per root, each seeing all blocks. Every block is checked against its
/// CID.
///
/// # Errors
/// The bytes are no CAR, a block does not match its CID, or a root is no delegation.
pub fn from_bytes(bytes: &[u8]) -> Result<Vec<Delegation>, UcanError> {
    views_of(carrier::read(bytes)?)
}

/// One delegation per root of a CAR.
pub(super) fn views_of(car: Carried) -> Result<Vec<Delegation>, UcanError> {
    let blocks = Arc::new(car.blocks);
    car.roots
        .iter()
        .map(|root| Delegation::view_shared(root, &blocks))
        .collect()
}
