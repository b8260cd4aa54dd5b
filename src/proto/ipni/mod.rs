//! What is published to IPNI: context ids, metadata, provider addresses and peer ids, and the job that asks for it
//! (docs/protocol/ipni.md).

mod context;
mod dialect;
mod error;
mod job;
mod job_json;
mod metadata;
mod multiaddr;
mod multiaddr_bytes;
mod multiaddr_text;
mod peer;
mod template;

pub use context::{context_id, text_context_id};
pub use dialect::Dialect;
pub use error::IpniError;
pub use job::{Job, Provider, digests_from_body, digests_to_body};
pub use metadata::{Metadata, decode_metadata, encode_metadata};
pub use multiaddr::{Multiaddr, Part};
pub use peer::PeerId;
pub use template::{Port, Purpose};

#[cfg(test)]
mod tests;
