//! AWS: connections by the standard chain, and what its errors mean.

mod connect;
mod failure;
mod http;

pub use connect::Clients;
pub(crate) use failure::cause;
