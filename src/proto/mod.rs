//! The words on the wire, pure: every byte format of the network, read and written without I/O.
//!
//! Owns DAG-CBOR, DAG-JSON, DIDs and keys, UCAN 0.9.1 delegations, agent messages and receipts, their validation,
//! and the content formats beside them. Imports no other room. Never opens, sends, waits or reads a clock.

pub mod block;
pub mod car;
mod carrier;
pub mod cbor;
pub mod claims;
pub mod did;
pub mod envelope;
mod ids;
pub mod index;
pub mod ipni;
pub mod json;
pub mod key;
pub mod message;
pub mod multihash;
pub mod query;
pub mod raw_cbor;
pub mod signature;
pub mod subscription;
pub mod ucan;
pub mod validate;
pub mod varint;

pub use block::{Block, Blocks};
pub use did::Did;
pub use ids::{CustomerDid, IdError, SpaceDid};
pub use key::{Signer, Verifier};
pub use signature::Signature;
