//! The upload service: blobs and indexes of spaces, uploads, receipts (protocol: blob-add, transport §6, §7).
//!
//! Owns the network's tables of uploads, blobs and messages. Talks to the storage node and the indexing service over
//! HTTP, as they would.

mod accept;
mod blob_add;
mod blobs;
mod conclude;
mod delegations;
mod index_add;
mod index_blob;
mod messages;
mod registry;
mod replay;
mod routes;
mod service;
mod tasks;
#[cfg(test)]
mod tests;
mod uploads;

pub(crate) use routes::router;
