//! The migration space of a customer: where its indexes are stored.

mod ensure;
mod undo;

pub(super) use ensure::Spaces;
