//! Adding a blob to a space, and its index: tasks, acceptance, publishing (docs/protocol/blob-add.md).

mod accept;
pub(super) mod blob;
pub(super) mod conclude;
pub(super) mod index;
mod index_blob;
mod replay;
mod tasks;
