//! Writing a CARv1.

use cid::Cid;

use super::header;
use crate::proto::varint;

/// A whole CARv1: header with `roots`, then the blocks in the order given.
#[must_use]
pub fn write<'a>(roots: &[Cid], blocks: impl IntoIterator<Item = (&'a Cid, &'a [u8])>) -> Vec<u8> {
    let mut bytes = header::encode(roots);
    for (cid, payload) in blocks {
        let cid = cid.to_bytes();
        varint::write((cid.len() + payload.len()) as u64, &mut bytes);
        bytes.extend_from_slice(&cid);
        bytes.extend_from_slice(payload);
    }
    bytes
}
