//! What counts, what is missing and what is wrong: pure functions of what was seen.

mod index;
mod location;
mod proof;
mod review;
mod trust;

pub use index::IndexState;
pub(super) use index::{index_state, indexed_shards, right_indexes};
pub use location::LocationState;
pub(super) use location::{claimed_places, knows_sizes, location_state, republished, size};
pub(super) use proof::{choose, covers};
pub use review::Review;
pub use trust::Trust;

#[cfg(test)]
mod proof_tests;
#[cfg(test)]
mod tests;
