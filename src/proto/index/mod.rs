//! The sharded DAG index: which block lies where in which shard (docs/protocol/index.md §1-§3).
//!
//! [`ShardBuilder`] takes a shard in pieces, checks the hash of every block as it goes, and gives a [`Shard`];
//! [`ShardedDagIndex`] gathers shards, writes the archive and reads one back. Equal indexes are equal bytes.
//!
//! The rules that a reader may ask for:
//! - The shard's own slice `[0, size]` is set first, then every section in the order of the file. The **last**
//!   occurrence of a block counts, in the index of each shard on its own.
//! - Both lists are sorted by the digest alone (no hash code, no length), bytewise, the shorter first; equal digests
//!   stay in the order they were set.
//! - A block that does not have the hash that names it is refused by name. A hash that cannot be computed here is
//!   refused too, unless [`Unverifiable::Accept`] says otherwise; identity hashes are compared with the payload.
//! - An empty object is refused; a CAR without blocks has its own slice only. Padding is counted, never indexed.

mod archive;
mod build;
mod error;
mod extract;
mod file;
mod outline;
mod sharded;
mod slices;

pub use archive::link;
pub use build::{Name, Shard, ShardBuilder, Unverifiable};
pub use error::IndexError;
pub use file::{Built, build, show};
pub use outline::{Extent, Outline};
pub use sharded::ShardedDagIndex;
pub use slices::{Position, Slices};

#[cfg(test)]
mod tests;
