//! The upload service: blobs and indexes of spaces, uploads, receipts (docs/protocol/blob-add.md,
//! docs/protocol/transport.md §6, §7).
//!
//! Owns the network's tables of uploads, blobs and messages. Talks to the storage node and the indexing service over
//! HTTP, as they would.

mod add;
mod blobs;
mod delegations;
mod messages;
mod registry;
mod routes;
mod service;
mod state;
#[cfg(test)]
mod tests;
mod uploads;

pub(crate) use routes::router;
