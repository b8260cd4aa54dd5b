//! S3: an own store over a folder behind the protocol crate `s3s`.
//!
//! An object is one file, its bytes followed by its description, so that one rename publishes
//! both. A put is acknowledged after the file and its folder are synced; conditions are decided
//! under a lock of the key, so of many `If-None-Match: *` puts exactly one wins.

mod checksums;
mod error;
mod file;
mod list;
mod multipart;
mod protocol;
mod store;
mod translate;
mod write;

pub use error::ObjectError;
pub use file::Meta;
pub use list::{Listing, Page};
pub use store::{Condition, Objects, PutOptions};

pub(crate) use protocol::router;
