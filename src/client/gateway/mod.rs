//! The gateway: letting it serve a space, and fetching content through it (protocol: gateway).

mod authorize;
mod message;
mod retrieve;

pub use authorize::GatewayClient;
pub use message::{Grant, grant};
