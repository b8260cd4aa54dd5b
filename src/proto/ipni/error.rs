//! What may be wrong with the words of IPNI.

use thiserror::Error as ThisError;

use crate::proto::{multihash, raw_cbor};

/// Why bytes or text are not what they should be.
#[derive(Debug, ThisError)]
pub enum IpniError {
    /// Metadata ends inside a protocol id, or the id is no varint.
    #[error("metadata has a bad protocol id")]
    Protocol,
    /// The map of a protocol is malformed.
    #[error("metadata of protocol 0x{protocol:x} is malformed")]
    Metadata {
        /// The protocol.
        protocol: u64,
        /// What is wrong.
        source: raw_cbor::RawCborError,
    },
    /// A key is missing in the map of a protocol, or holds a bad link.
    #[error("metadata of protocol 0x{protocol:x} has no valid `{key}`")]
    Key {
        /// The protocol.
        protocol: u64,
        /// The key.
        key: char,
    },
    /// A part of a multiaddr has a name or code that is not known here.
    #[error("multiaddr has the unknown protocol `{0}`")]
    UnknownPart(String),
    /// A part of a multiaddr has a malformed value.
    #[error("multiaddr has a malformed value for `{0}`")]
    Value(&'static str),
    /// A multiaddr is cut short or does not start with `/`.
    #[error("multiaddr is malformed")]
    Multiaddr,
    /// A multiaddr that is not an HTTP address.
    #[error("multiaddr `{0}` is not an HTTP address")]
    NotHttp(String),
    /// A URL that cannot become a multiaddr.
    #[error("`{0}` is not an HTTP URL")]
    Url(String),
    /// Text is not a peer id.
    #[error("`{0}` is not a peer id")]
    Peer(String),
    /// A DID that holds no ed25519 key.
    #[error("{0} holds no ed25519 key")]
    NotKey(crate::proto::Did),
    /// A job is not the JSON it should be.
    #[error("publishing job is malformed")]
    Json(#[from] serde_json::Error),
    /// A part of a job is missing or malformed.
    #[error("publishing job has no valid `{0}`")]
    Job(&'static str),
    /// A digest of a job is damaged.
    #[error("publishing job has a bad multihash")]
    Digest(#[source] multihash::MultihashError),
}
