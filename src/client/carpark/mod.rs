//! The carpark's public URL: where shards lie, and streaming them (docs/protocol/tables.md §4).

mod address;
mod blob;
mod client;
mod locate;
mod rest;
#[cfg(test)]
mod tests;

pub use address::{Addresses, Layout};
pub use blob::Blob;
pub use client::CarparkClient;
pub use locate::Located;
