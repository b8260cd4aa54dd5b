//! Work that may block, off the threads that serve tasks.

use crate::client::blobs::{BlobError, ErrorKind};

/// Runs what may block on a thread of its own.
pub(super) async fn off_thread<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, BlobError> + Send + 'static,
) -> Result<T, BlobError> {
    let ended = tokio::task::spawn_blocking(work).await;
    ended.unwrap_or_else(|error| {
        Err(BlobError::new(
            ErrorKind::Unavailable,
            "work on",
            "a file",
            &error,
        ))
    })
}
