//! AWS: connections by the standard chain, and what its errors mean.

mod connect;
mod failure;

pub use connect::Clients;
pub(crate) use failure::cause;
