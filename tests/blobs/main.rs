//! Blobs: the storage backends, and the migration that copies between them.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod backends;
mod crashing;
mod files;
mod folder;
mod lying;
mod scene;
mod scripted;
