//! Why the object store did not do what was asked.

use std::io;
use std::path::{Path, PathBuf};

/// Why the object store did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum ObjectError {
    /// There is no such bucket.
    #[error("find bucket {0}")]
    NoBucket(String),
    /// The condition does not hold.
    #[error("meet the condition on {0}")]
    Condition(String),
    /// The bytes are not those announced.
    #[error("match the {0} of the body")]
    Digest(&'static str),
    /// There is no such multipart upload.
    #[error("find multipart upload {0}")]
    NoUpload(String),
    /// The list of parts does not name what was uploaded.
    #[error("match part {0} of the multipart upload")]
    Part(i32),
    /// A part that is not the last is too small.
    #[error("take part {0}, it is smaller than 5 MiB")]
    SmallPart(i32),
    /// The body broke off.
    #[error("read the body: {0}")]
    Body(String),
    /// The file system refused.
    #[error("access {path}")]
    File {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

/// Names the file that the system refused.
pub(super) fn at(path: &Path) -> impl Fn(io::Error) -> ObjectError + use<> {
    let path = path.to_owned();
    move |source| ObjectError::File {
        path: path.clone(),
        source,
    }
}
