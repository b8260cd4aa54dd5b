//! The commands of the blobs migration.

mod careless;
mod command;
#[path = "../../blobs/files.rs"]
mod files;
#[cfg(feature = "sandbox")]
mod shared;
