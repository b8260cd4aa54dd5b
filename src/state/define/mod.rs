//! The tables themselves: what they look like, making them, and printing them for those who may not make them here.

mod create;
mod print;
mod shape;

pub(in crate::state) use create::ensure;
pub(in crate::state) use print::{cloud_formation, policy};
pub(in crate::state) use shape::{BY_INSTANCE, BY_REASON, SORTED_BY, by_owner};

pub use create::Made;
pub use shape::{BY_STATUS, Definition, Index, definitions};
