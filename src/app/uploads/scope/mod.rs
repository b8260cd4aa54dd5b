//! Scopes of customers, spaces and uploads: what they come to, and whether they may be worked on.

mod listed;
mod narrow;
mod plan;
mod resolve;
mod roots;
mod words;

pub(super) use listed::listed;
pub(super) use narrow::{authorised, open};
pub(super) use plan::check_plan;
pub(super) use resolve::{Resolved, refuse_nothing, resolver};
pub(super) use words::words;
