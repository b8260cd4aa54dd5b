//! Storage backends that hold blobs by key, one folder each, behind one trait (specification: docs/blobs.md §5).
//!
//! | file | what |
//! |---|---|
//! | `backend` | the trait, and what its answers are made of |
//! | `error` | why a backend could not do what it was asked |
//! | `url` | which backend a URL names: a new kind is one folder and one line there |
//! | `dir` | a folder of this machine |

mod backend;
mod dir;
mod error;
mod url;

pub use backend::{
    Backend, BlobWriter, Entry, Head, Identity, Overwrite, Published, Reading, Removed, Tag,
};
pub use error::{BlobError, ErrorKind};
pub use url::{BackendUrl, Relation, UrlError};
