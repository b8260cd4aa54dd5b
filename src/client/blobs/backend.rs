//! What every backend can do with blobs, and what its answers are made of.
//!
//! "Not there" is an answer, and "could not tell" is an error: they are never mixed up. Nothing here repeats a call; who
//! asks does, so that no repeated call hides below a verification.

use std::fmt;

use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::BoxStream;

use super::BlobError;
use crate::time::UnixMillis;

/// A place that holds blobs by key. Keys are compared byte by byte.
#[async_trait]
pub trait Backend: fmt::Debug + Send + Sync {
    /// The place itself, whatever it is called: two backends of one place say the same.
    ///
    /// # Errors
    /// It cannot be told.
    fn place(&self) -> Result<String, BlobError>;

    /// What is there under a key; `None` if nothing is.
    ///
    /// # Errors
    /// It could not be told, or something else than a blob is there.
    async fn head(&self, key: &str) -> Result<Option<Head>, BlobError>;

    /// The bytes under a key; `None` if nothing is there.
    ///
    /// # Errors
    /// As [`Backend::head`].
    async fn read(&self, key: &str) -> Result<Option<Reading>, BlobError>;

    /// Begins to write a blob of so many bytes. No reader sees anything of it before it is published.
    ///
    /// # Errors
    /// The backend cannot hold such a key, takes no more, or cannot be reached.
    async fn create(&self, key: &str, size: u64) -> Result<Box<dyn BlobWriter>, BlobError>;

    /// Removes a blob if it is still the one of this identity.
    ///
    /// # Errors
    /// It could not be told or removed.
    async fn remove(&self, key: &str, of: &Identity) -> Result<Removed, BlobError>;

    /// The blobs whose keys begin with `prefix` and come after `after`, in the byte order of their keys. An error ends
    /// the listing: what came before it counts.
    fn list(
        &self,
        prefix: &str,
        after: Option<&str>,
    ) -> BoxStream<'static, Result<Entry, BlobError>>;

    /// Removes what writers left that died before they published. Those that live keep theirs. Returns how many things.
    ///
    /// # Errors
    /// They could not be listed or removed.
    async fn tidy(&self) -> Result<u64, BlobError>;

    /// Why it can never hold a blob of this key, if it cannot.
    fn refusal(&self, key: &str) -> Option<String>;
}

/// A blob that is being written. Dropped without being published, it leaves nothing.
#[async_trait]
pub trait BlobWriter: Send {
    /// Adds bytes at the end.
    ///
    /// # Errors
    /// The backend takes no more, or cannot be reached.
    async fn write(&mut self, bytes: Bytes) -> Result<(), BlobError>;

    /// Makes what was written durable and says by what the published blob will be known as ours.
    ///
    /// # Errors
    /// As [`BlobWriter::write`].
    async fn seal(&mut self) -> Result<Identity, BlobError>;

    /// Shows the blob to readers, in one step. Call [`BlobWriter::seal`] first.
    ///
    /// # Errors
    /// It could not be shown, or it could not be told.
    async fn publish(self: Box<Self>, overwrite: Overwrite) -> Result<Published, BlobError>;
}

/// The version of a blob, opaque: it changes when the blob is written again, and says nothing of its bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tag(pub String);

/// By what a backend knows a blob again that one writer wrote.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity(pub String);

/// What is known of a blob without reading it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    /// Its length, bytes.
    pub size: u64,
    /// Its version.
    pub tag: Tag,
    /// Who wrote it.
    pub identity: Identity,
}

/// A blob that is being read.
pub struct Reading {
    /// What is read.
    pub head: Head,
    /// Its bytes. The stream ends with an error if the blob changed before its last byte was read.
    pub body: BoxStream<'static, Result<Bytes, BlobError>>,
}

/// What may be replaced by a blob that is published.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Overwrite {
    /// Nothing.
    Never,
    /// The blob of this version.
    If(Tag),
}

/// What publishing came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Published {
    /// The blob is there.
    Done,
    /// Something else is there, and was left as it is.
    Occupied,
}

/// What removing came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Removed {
    /// It was there and is not any more.
    Done,
    /// Nothing was there.
    Absent,
    /// Something else is there, and was left as it is.
    Foreign,
}

/// One thing that a listing found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Entry {
    /// A blob.
    Blob {
        /// Its key.
        key: String,
        /// Its length, bytes, when it was listed.
        size: u64,
        /// When it was written.
        modified: Option<UnixMillis>,
    },
    /// Something that is not a blob, and was not opened.
    Other {
        /// Its name, unprintable bytes escaped.
        name: String,
        /// What it is.
        what: &'static str,
    },
    /// A blob whose name is not a key.
    Unrepresentable {
        /// Its name, unprintable bytes escaped.
        name: String,
        /// Why not.
        why: &'static str,
    },
}
