//! Why a backend could not do what it was asked.

use std::io;

use rustix::io::Errno;

/// A call to a backend that did not succeed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{operation} {key}: {message}")]
pub struct BlobError {
    /// What it means.
    pub kind: ErrorKind,
    /// What was asked, as it reads before the key.
    pub operation: &'static str,
    /// The key that it was about.
    pub key: String,
    /// What happened.
    pub message: String,
}

/// What a failed call means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorKind {
    /// It may work in a moment. Nothing is known of the blob.
    Unavailable,
    /// The blob changed while it was read.
    Changed,
    /// The backend cannot hold a blob of this key.
    Key,
    /// Something else than a blob is there: a folder, a link, a device.
    NotABlob,
    /// The backend takes no more: disk full, quota, read-only.
    Full,
    /// The backend refuses this program.
    Denied,
}

impl BlobError {
    /// An error of any kind.
    pub fn new(
        kind: ErrorKind,
        operation: &'static str,
        key: &str,
        message: &(impl ToString + ?Sized),
    ) -> Self {
        Self {
            kind,
            operation,
            key: key.to_owned(),
            message: message.to_string(),
        }
    }

    /// What an error of the file system means.
    #[must_use]
    pub fn of_io(operation: &'static str, key: &str, error: &io::Error) -> Self {
        let kind = match Errno::from_io_error(error) {
            Some(Errno::NOSPC | Errno::DQUOT | Errno::ROFS) => ErrorKind::Full,
            Some(Errno::ACCESS | Errno::PERM) => ErrorKind::Denied,
            Some(Errno::NAMETOOLONG | Errno::NOTDIR) => ErrorKind::Key,
            Some(Errno::ISDIR | Errno::LOOP) => ErrorKind::NotABlob,
            None if error.kind() == io::ErrorKind::IsADirectory => ErrorKind::NotABlob,
            _ => ErrorKind::Unavailable,
        };
        Self::new(kind, operation, key, error)
    }
}
