//! The migration space of a customer: where its indexes are stored.

mod ensure;
mod memory;
mod registry;
mod undo;

pub(super) use ensure::Spaces;
pub use memory::InMemorySpaces;
pub use registry::{MigrationSpaces, SpaceRow};
