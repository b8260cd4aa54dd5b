//! Tools that look at one thing; their output is JSON whatever the form asked for.

pub(in crate::cli) mod claims;
pub(in crate::cli) mod index;
pub(in crate::cli) mod ucan;
