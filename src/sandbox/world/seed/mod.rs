//! Writes a planned world into a local network, behind its listeners.
//!
//! Legacy state was there before the run, so it goes straight into tables, buckets and
//! records: it is not counted as requests and no planned fault strikes it.

mod accounts;
mod claims;
mod delegations;
mod error;
mod serving;
mod shards;
mod write;

pub use error::SeedError;
pub use write::seed;
