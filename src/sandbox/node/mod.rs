//! The storage node: keeps blobs in the carpark, and claims where they are (docs/protocol/blob-add.md §2, §3).
//!
//! Owns allocations, the blob URLs and the claims bucket. Tells the indexing service of each location over HTTP.

mod accept;
mod allocate;
mod blobs;
mod claims;
mod routes;
mod service;
mod state;

pub(crate) use routes::router;
