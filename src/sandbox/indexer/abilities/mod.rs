//! The abilities that tell the indexing service of claims, a file each (docs/protocol/claims.md §6).

pub(super) mod assert_equals;
pub(super) mod assert_index;
pub(super) mod cache_claim;
