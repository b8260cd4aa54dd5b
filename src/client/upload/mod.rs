//! The upload service: storing a blob in a space (docs/protocol/blob-add.md).

mod blob;
mod blob_add;
mod effects;
mod put;
mod receipt;
mod remove;
mod revoke;
mod signers;
mod site;

pub use blob::Blob;
pub use blob_add::{Stored, UploadClient};
