//! The job that makes the publisher advertise: a list of digests in a bucket, and a message in a queue.

use aws_lc_rs::digest;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::dialect::Dialect;
use super::error::IpniError;
use super::metadata::{Metadata, encode_metadata};
use super::multiaddr::Multiaddr;
use super::peer::PeerId;
use crate::proto::multihash::Multihash;

/// Who is said to have the content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Provider {
    /// Its peer id.
    pub id: PeerId,
    /// Its addresses: claims first, then blobs.
    pub addrs: Vec<Multiaddr>,
}

/// One advert to be made. The digests lie in the bucket under the job's id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Job {
    /// Key of the object with the digests: a UUID.
    pub id: String,
    /// What the advert replaces and is filtered by.
    pub context_id: Vec<u8>,
    /// Encoded metadata.
    pub metadata: Vec<u8>,
    /// Who has the content.
    pub provider: Provider,
}

impl Job {
    /// A job whose id follows from context id and metadata, so that a repeated one is the same object and the same
    /// message, which the queue deduplicates by content.
    #[must_use]
    pub fn new(context_id: &Multihash, metadata: &[Metadata], provider: Provider) -> Self {
        let context_id = context_id.as_bytes().to_vec();
        let metadata = encode_metadata(metadata);
        let mut seed = digest::Context::new(&digest::SHA256);
        seed.update(&(context_id.len() as u64).to_be_bytes());
        seed.update(&context_id);
        seed.update(&metadata);
        let mut bytes = [0; 16];
        bytes.copy_from_slice(&seed.finish().as_ref()[..16]);
        let id = uuid::Builder::from_random_bytes(bytes)
            .into_uuid()
            .to_string();
        Self {
            id,
            context_id,
            metadata,
            provider,
        }
    }

    /// The `MessageGroupId`: context id in base64.
    #[must_use]
    pub fn group_id(&self) -> String {
        STANDARD.encode(&self.context_id)
    }
}

/// The body of the object in the bucket.
#[must_use]
pub fn digests_to_body(digests: &[Multihash], dialect: Dialect) -> Vec<u8> {
    let digest = |hash: &Multihash| match dialect {
        Dialect::Js => serde_json::Value::from(hash.as_bytes()),
        Dialect::Go => serde_json::Value::from(STANDARD.encode(hash.as_bytes())),
    };
    let list: serde_json::Value = digests.iter().map(digest).collect();
    list.to_string().into_bytes()
}

/// Reads the object in the bucket: lists of byte numbers, base64 texts, or both.
///
/// # Errors
/// The body is no JSON list, or one of its digests is no multihash.
pub fn digests_from_body(body: &[u8]) -> Result<Vec<Multihash>, IpniError> {
    let list: Vec<serde_json::Value> = serde_json::from_slice(body)?;
    let digests = list.into_iter().map(|digest| {
        let bytes = match digest {
            serde_json::Value::String(text) => STANDARD
                .decode(text)
                .map_err(|_| IpniError::Job("digests"))?,
            numbers => serde_json::from_value(numbers)?,
        };
        Multihash::from_bytes(&bytes).map_err(IpniError::Digest)
    });
    digests.collect()
}
