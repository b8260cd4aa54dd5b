//! The answer to `GET /claims`, in the form of the JS client and in that of the Go service
//! (docs/protocol/claims.md §4).
//!
//! The two differ in the map of indexes: JS writes it always, with base58 keys; Go leaves it out when empty and
//! writes the raw bytes of the context id into a CBOR *text* string, which is not UTF-8. Both are read here, any
//! block order, the header root counting.

mod decode;
mod encode;
mod error;
mod result;
#[cfg(test)]
mod tests;

pub use decode::{Answer, decode, respond};
pub use encode::{Form, NoIndexes, Place, encode};
pub use error::QueryError;
pub use result::{IndexBlock, QueryResult};
