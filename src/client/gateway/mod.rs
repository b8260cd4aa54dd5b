//! The gateway: letting it serve a space, and fetching content through it (docs/protocol/gateway.md).

mod authorize;
mod message;
mod retrieve;

pub use authorize::GatewayClient;
pub use message::{Grant, grant};
