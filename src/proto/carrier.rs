//! CAR files that carry blocks of messages and delegations: small, held whole, every block checked.

use cid::Cid;

use super::car;
use super::ucan::UcanError;
use super::{Block, Blocks};

/// Longest CAR that is read, in bytes.
const MAX_BYTES: usize = 128 << 20;

/// Roots and blocks of a CAR.
pub(crate) struct Carried {
    /// The roots in the order of the header.
    pub(crate) roots: Vec<Cid>,
    /// The blocks in the order of the file, repeats dropped.
    pub(crate) blocks: Blocks,
}

/// Reads a CAR and checks every block against its CID.
pub(crate) fn read(bytes: &[u8]) -> Result<Carried, UcanError> {
    if bytes.len() > MAX_BYTES {
        return Err(UcanError::Limit("the length of a CAR"));
    }
    let car = car::read(bytes)?;
    let roots = car
        .header
        .roots
        .iter()
        .map(|root| root.cid().map_err(car::CarError::Link))
        .collect::<Result<_, _>>()?;
    let mut blocks = Blocks::new();
    for entry in &car.entries {
        let block = Block {
            cid: entry.cid()?,
            bytes: entry.payload.to_vec().into(),
        };
        block.verify()?;
        blocks.insert(block);
    }
    Ok(Carried { roots, blocks })
}

/// Writes a CAR.
pub(crate) fn write(roots: &[Cid], blocks: &Blocks) -> Vec<u8> {
    let blocks: Vec<_> = blocks.iter().collect();
    car::write(
        roots,
        blocks.iter().map(|block| (&block.cid, &block.bytes[..])),
    )
}
