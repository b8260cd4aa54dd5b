//! The gateway: takes serve delegations, and serves content by CID (docs/protocol/gateway.md).
//!
//! Owns the stored delegations. Finds content as the real one does: claims of the indexing service over HTTP, then
//! range requests to the locations, every block checked.

mod answer;
mod authorize;
mod blocks;
mod content_type;
mod delegate;
mod files;
mod locator;
mod request;
mod routes;
mod serve;
mod service;
mod state;
#[cfg(test)]
mod tests;

pub(crate) use delegate::keep;
pub(crate) use routes::router;
