//! One shared HTTP client: keep-alive, no redirects of its own, no proxy to this machine and its own network, bounded
//! bodies, classified statuses, and of the addresses that answers name only public ones.

mod body;
mod connection;
mod loopback;
mod reach;
mod redirect;
mod shared;
mod status;

pub(crate) use body::{read, read_gzip};
pub(crate) use connection::network;
pub(crate) use loopback::is_direct;
pub(crate) use shared::Http;
pub(crate) use status::check;
