//! The indexing service: which claims there are about a hash (docs/protocol/claims.md §2-§6, docs/protocol/ipni.md).
//!
//! Owns the provider records with their caches and lifetimes, the stand-in for IPNI that the publishing queue feeds,
//! and the legacy claims. Fetches claims and indexes over HTTP through the addresses of their records, as it would.

mod abilities;
mod claims;
mod fetch;
mod ipni;
mod legacy;
mod lookup;
mod query;
mod record;
mod routes;
mod service;
mod state;
mod walk;

pub(crate) use ipni::publisher;
pub(crate) use routes::router;

pub use ipni::Advert;
pub use record::Provider;
