//! One shared HTTP client: keep-alive, no redirects of its own, bounded bodies, classified statuses.

mod body;
mod shared;
mod status;

pub(crate) use body::{read, read_gzip};
pub(crate) use shared::Http;
pub(crate) use status::{check, network};
