//! Objects of the network's buckets: bounded reads, writes that may be repeated.

mod claims;
mod delegations;
mod object;

pub use claims::ClaimStore;
pub use delegations::DelegationStore;
pub(crate) use object::{delete, get, put};
