//! Who and where the network's services, tables, buckets and queues are.

use url::Url;

use crate::proto::did::Did;
use crate::proto::key::Verifier;

/// One network: production, staging or the local one (docs/protocol/tables.md §1).
#[derive(Clone, Debug)]
pub struct Network {
    /// Upload service.
    pub upload_service: Service,
    /// Indexing service.
    pub indexing_service: Service,
    /// Gateway; content is fetched under `{url}/ipfs/{cid}`.
    pub gateway: Service,
    /// Legacy claims service; its DID is a trusted issuer of claims.
    pub claims_service: Service,
    /// Storage node that serves the claims (`{url}/claim/{claim}`) and names the IPNI providers.
    pub storage_node: StorageNode,
    /// Public addresses of the carpark.
    pub carpark: Carpark,
    /// The network's own tables.
    pub tables: Tables,
    /// Buckets.
    pub buckets: Buckets,
    /// IPNI publishing queues.
    pub queues: Queues,
    /// Providers that consumer rows may name; also trusted issuers of claims.
    pub storage_providers: Vec<Did>,
    /// Whether receipts of a service count that publishes no keys to check them with.
    pub unverified_receipts: bool,
    /// Which addresses are used that answers name.
    pub reach: Reach,
    /// Where nodes may have blobs sent wherever that lies, beside the storage node itself: a bucket behind a private
    /// endpoint, say.
    pub uploads: Vec<Url>,
    /// Where the upload service keeps messages with receipts: its answers may lead there.
    pub receipts: Vec<Url>,
    /// The gateway's address of content by subdomain, without the label of the content: its answers may lead there.
    pub gateway_subdomains: Option<Url>,
}

/// Which addresses are used that nobody configured: where a node wants a blob, where an answer leads.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Reach {
    /// Public ones, and those only over https.
    #[default]
    Public,
    /// Any: the network is on this machine.
    Any,
}

/// A UCAN service over HTTP.
#[derive(Clone, Debug)]
pub struct Service {
    /// Where invocations are posted.
    pub url: Url,
    /// Its identity, normally a did:web.
    pub did: Did,
    /// The keys with which it signs, under its DID; none where its DID document tells them.
    pub keys: Vec<Verifier>,
}

/// The storage node (piri).
#[derive(Clone, Debug)]
pub struct StorageNode {
    /// Its address and identity.
    pub service: Service,
    /// Peer id of blob-protocol adverts (`PIRI_PEER_ID`), base58btc text.
    pub blob_peer_id: String,
    /// Peer id of store-protocol adverts (`STORE_PIRI_PEER_ID`), base58btc text.
    pub store_peer_id: String,
}

/// Public URLs of the bucket that holds every shard (docs/protocol/tables.md §4).
#[derive(Clone, Debug)]
pub struct Carpark {
    /// `BLOB_CARPARK_PUBLIC_URL`: `{url}/{mh}/{mh}.blob`.
    pub blob_url: Url,
    /// `STORE_CARPARK_PUBLIC_URL`: `{url}/{cid}/{cid}.car`.
    pub store_url: Url,
    /// `CARPARK_PUBLIC_URLS`: all carparks, with either layout, in the order in which they are asked.
    pub all: Vec<Url>,
}

/// Names of the network's own tables (docs/protocol/tables.md §2).
#[derive(Clone, Debug)]
pub struct Tables {
    /// Uploads: space, root.
    pub upload: String,
    /// Store protocol: space, link.
    pub store: String,
    /// Blob protocol: space, multihash.
    pub allocation: String,
    /// Blob protocol, newer: space, digest.
    pub blob_registry: String,
    /// Spaces of customers.
    pub consumer: String,
    /// Subscriptions of customers.
    pub subscription: String,
    /// Delegations.
    pub delegation: String,
    /// Revoked delegations; a missing table means that nothing is revoked.
    pub revocation: String,
    /// Storage nodes; a missing table means that none is known.
    pub storage_provider: String,
}

/// Bucket names (docs/protocol/tables.md §4).
#[derive(Clone, Debug)]
pub struct Buckets {
    /// Location claims, key `{cid}`.
    pub claims: String,
    /// Delegations in S3, used beside R2 (`/delegations/{cid}.car`, with the leading slash).
    pub delegations: String,
    /// Lists of shards of uploads with 5000 and more, key `{space}/{cid}`.
    pub upload_shards: String,
    /// IPNI jobs of the blob protocol, key `{job}`.
    pub ipni_blob: String,
    /// IPNI jobs of the store protocol, key `{job}`.
    pub ipni_store: String,
}

/// Queue URLs of the IPNI publisher (docs/protocol/ipni.md §5).
#[derive(Clone, Debug)]
pub struct Queues {
    /// `IPNI_BLOB_PUBLISHING_QUEUE`.
    pub ipni_blob: Url,
    /// `IPNI_STORE_PUBLISHING_QUEUE`.
    pub ipni_store: Url,
}
