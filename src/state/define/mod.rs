//! The definitions of the tables: created here, or printed for operators who create them elsewhere.

mod create;
mod definition;
mod print;
mod shape;

pub(in crate::state) use create::ensure;
pub(in crate::state) use definition::{BY_INSTANCE, BY_REASON, SORTED_BY};
pub(in crate::state) use print::{cloud_formation, policy};
pub(in crate::state) use shape::by_owner;

pub use create::Made;
pub use definition::{BY_STATUS, Definition, Index};
pub use shape::definitions;
