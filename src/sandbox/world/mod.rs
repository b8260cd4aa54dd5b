//! Seeded legacy worlds: what an operator finds before a migration.
//!
//! `plan` decides, `content` makes bytes, `seed` writes them behind the listeners of a local
//! network, `manifest` records what a migration must make of it. The same seed and sizes give
//! the same world.

pub mod content;
pub mod manifest;
pub mod plan;
mod seed;
pub mod writer;

pub use seed::{SeedError, seed};
