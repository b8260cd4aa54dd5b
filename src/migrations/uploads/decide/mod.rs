//! What counts, what is missing and what is wrong: pure functions of what was seen.

mod agent;
mod flaw;
mod index;
mod location;
mod owner;
mod proof;
mod review;
mod trust;

pub(super) use agent::{granted, resource};
pub(super) use flaw::missing;
pub use index::IndexState;
pub(super) use index::{index_state, indexed_shards, is_credible, right_indexes, strangers};
pub use location::LocationState;
pub(super) use location::{claimed_places, knows_sizes, location_state, republished, size};
pub(super) use owner::{Serving, declined, is_private, serving};
pub(super) use proof::{Broken, Case, Usable, by_preference, judge};
pub use review::Review;
pub use trust::Trust;

#[cfg(test)]
mod owner_tests;
#[cfg(test)]
mod proof_tests;
#[cfg(test)]
mod tests;
