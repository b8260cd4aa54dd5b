//! UnixFS nodes in DAG-PB blocks, both ways: the gateway reads them, the seeded world writes them.
//!
//! Owns the two protobuf messages and the hash walk of sharded directories. Never fetches a block.

mod dag_pb;
mod hamt;
mod node;
mod protobuf;

pub use dag_pb::{Link, PbNode};
pub use hamt::{Entry, HashBits, entry, prefix_width};
pub use node::{Data, Kind};
pub use protobuf::ProtobufError;
