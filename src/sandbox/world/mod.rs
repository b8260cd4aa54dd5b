//! Seeded legacy worlds: what an operator finds before a migration.
//!
//! `plan` decides, `content` makes bytes, `manifest` records what a migration must make of
//! it. The same seed and sizes give the same world.

pub mod content;
pub mod manifest;
pub mod plan;
pub mod writer;
