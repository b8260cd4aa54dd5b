//! Multihashes of any length, and the hashing that checks blocks.
//!
//! `cid::Cid` holds digests of at most 64 bytes; identity hashes in CARs and index slices may be longer, so they are
//! carried here.

mod check;
mod codes;
mod function;
#[cfg(test)]
mod tests;
mod value;

pub use check::{Hasher, Sha256};
pub use codes::{IDENTITY, SHA2_256, SHA2_512, codec};
pub use value::{Multihash, MultihashError};

pub(crate) use value::prefix_length;
