//! What AWS and those who speak like it (R2, local stores) mean by an error.
//!
//! Owns the one classifier for all their services ([`Fault`]), by code, status and what the SDK knows; whoever calls them
//! says what that means for its own work. Never sends a request.

mod codes;
mod fault;
mod kind;

pub use fault::Fault;
pub use kind::{Kind, Lack, Setting};
