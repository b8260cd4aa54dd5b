//! Blobs: a verified copy between storage backends (specification: docs/blobs.md).
//!
//! | file | what |
//! |---|---|
//! | `handle` | a connected job |
//! | `migration` | items, probe and steps, as the engine asks for them |
//! | `item` | one blob as it was listed |
//! | `layout` | which keys there are, into which units they fall, what digest a key names |
//! | `digest` | the digest that is expected, and the one of what was read |
//! | `transfer` | one pass that reads, hashes and writes |
//! | `steps` | `copy`, and `verify`, which reads back what lies on the target |
//! | `job` | what is moved from where to where, and how far it is |
//! | `jobs` | its row |
//! | `pointer` | the document that says which backend readers ask |
//! | `reasons`, `vocabulary` | the words of this migration |

mod digest;
mod handle;
mod item;
mod job;
mod jobs;
mod layout;
mod migration;
mod pointer;
mod reasons;
mod steps;
mod transfer;
mod vocabulary;

pub use digest::{Digests, Expected};
pub use handle::{Backends, Blobs};
pub use item::Blob;
pub use job::{Job, JobName, Phase};
pub use jobs::{JobRow, Jobs, NAME, namespace};
pub use layout::{Layout, LayoutError};
pub use pointer::{Active, Pointer, PointerError};
pub use reasons::{
    ACCESS_DENIED, CHANGED_WHILE_READ, MISSING_BLOB, NOT_A_BLOB, ONLY_COPY, REASONS,
    SOURCE_CORRUPT, TARGET_FULL, TARGET_MISMATCH, TARGET_OCCUPIED, UNREPRESENTABLE_KEY,
};
pub use steps::{COPY, VERIFY};
pub use transfer::{carry, digests_of};
pub use vocabulary::VOCABULARY;
