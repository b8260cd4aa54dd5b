//! The indexing service: which claims there are about a hash (protocol: claims §2 to §6, ipni).
//!
//! Owns the provider records with their caches and lifetimes, the stand-in for IPNI that the publishing queue feeds,
//! and the legacy claims. Fetches claims and indexes over HTTP through the addresses of their records, as it would.

mod advert;
mod assert_equals;
mod assert_index;
mod background;
mod cache_claim;
mod claims;
mod fetch;
mod find;
mod legacy;
mod lookup;
mod query;
mod record;
mod routes;
mod service;
mod walk;

pub(crate) use background::publisher;
pub(crate) use routes::router;

pub use advert::Advert;
pub use record::Provider;
