//! Names of the network's tables, buckets and queues (docs/protocol/tables.md §2, §4).

/// Prefix of the network's own tables.
pub const TABLE_PREFIX: &str = "local-w3infra-";
/// Prefix of the tables a migration makes for itself.
pub const MIGRATION_TABLE_PREFIX: &str = "local-migration-";
/// The account in queue URLs.
pub(super) const ACCOUNT: &str = "000000000000";
/// The region everything claims to be in.
pub const REGION: &str = "us-east-2";
/// The only access key that S3 accepts.
pub const ACCESS_KEY: &str = "local-sterna";
/// Its secret: fixed, known, and good for nothing but a local network.
pub const SECRET_KEY: &str = "local-sterna-secret";

/// The network's tables.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Table {
    /// Uploads: space, root.
    Upload,
    /// CARs of the store protocol: space, link.
    Store,
    /// Blobs of the blob protocol: space, multihash.
    Allocation,
    /// Registered blobs: space, digest.
    BlobRegistry,
    /// Who pays for a space: subscription, provider.
    Consumer,
    /// Subscriptions: subscription, provider.
    Subscription,
    /// Stored delegations: link.
    Delegation,
    /// Revocations: revoke.
    Revocation,
    /// Counters per space: space, name.
    SpaceMetrics,
    /// Counters: name.
    AdminMetrics,
    /// Storage nodes: provider.
    StorageProvider,
    /// Replicas: pk, sk.
    Replica,
    /// Tasks and messages: taskkind, identifier.
    AgentIndex,
    /// Rate limits: id.
    RateLimit,
    /// Customers of the billing: customer.
    Customer,
    /// Changes of a space's size: pk, sk.
    SpaceDiff,
    /// Sizes of spaces: pk, recordedAt.
    SpaceSnapshot,
    /// Legacy content claims: content, claim.
    Claims,
}

impl Table {
    /// Every table.
    pub const ALL: [Self; 18] = [
        Self::Upload,
        Self::Store,
        Self::Allocation,
        Self::BlobRegistry,
        Self::Consumer,
        Self::Subscription,
        Self::Delegation,
        Self::Revocation,
        Self::SpaceMetrics,
        Self::AdminMetrics,
        Self::StorageProvider,
        Self::Replica,
        Self::AgentIndex,
        Self::RateLimit,
        Self::Customer,
        Self::SpaceDiff,
        Self::SpaceSnapshot,
        Self::Claims,
    ];

    /// The table's name in the local network.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Upload => "local-w3infra-upload",
            Self::Store => "local-w3infra-store",
            Self::Allocation => "local-w3infra-allocation",
            Self::BlobRegistry => "local-w3infra-blob-registry",
            Self::Consumer => "local-w3infra-consumer",
            Self::Subscription => "local-w3infra-subscription",
            Self::Delegation => "local-w3infra-delegation",
            Self::Revocation => "local-w3infra-revocation",
            Self::SpaceMetrics => "local-w3infra-space-metrics",
            Self::AdminMetrics => "local-w3infra-admin-metrics",
            Self::StorageProvider => "local-w3infra-storage-provider",
            Self::Replica => "local-w3infra-replica",
            Self::AgentIndex => "local-w3infra-agent-index",
            Self::RateLimit => "local-w3infra-rate-limit",
            Self::Customer => "local-w3infra-customer",
            Self::SpaceDiff => "local-w3infra-space-diff",
            Self::SpaceSnapshot => "local-w3infra-space-snapshot",
            Self::Claims => "local-content-claims-claims-v1",
        }
    }

    /// Partition key and sort key.
    #[must_use]
    pub fn key(self) -> (&'static str, Option<&'static str>) {
        match self {
            Self::Upload => ("space", Some("root")),
            Self::Store => ("space", Some("link")),
            Self::Allocation => ("space", Some("multihash")),
            Self::BlobRegistry => ("space", Some("digest")),
            Self::Consumer | Self::Subscription => ("subscription", Some("provider")),
            Self::Delegation => ("link", None),
            Self::Revocation => ("revoke", None),
            Self::SpaceMetrics => ("space", Some("name")),
            Self::AdminMetrics => ("name", None),
            Self::StorageProvider => ("provider", None),
            Self::Replica | Self::SpaceDiff => ("pk", Some("sk")),
            Self::AgentIndex => ("taskkind", Some("identifier")),
            Self::RateLimit => ("id", None),
            Self::Customer => ("customer", None),
            Self::SpaceSnapshot => ("pk", Some("recordedAt")),
            Self::Claims => ("content", Some("claim")),
        }
    }

    /// The table's global secondary indexes.
    #[must_use]
    pub fn indexes(self) -> &'static [Index] {
        match self {
            Self::Upload => const { &[index("cid", "root", None, &["space", "insertedAt"])] },
            Self::Store => const { &[index("cid", "link", Some("space"), &["insertedAt"])] },
            Self::Allocation => {
                const {
                    &[
                        index("multihash", "multihash", Some("space"), &["insertedAt"]),
                        index("insertedAt", "insertedAt", Some("space"), ALL),
                    ]
                }
            }
            Self::BlobRegistry => const { &[index("digest", "digest", Some("space"), ALL)] },
            Self::Consumer => {
                const {
                    &[
                        index("consumer", "consumer", None, &["provider", "subscription"]),
                        index(
                            "consumerV2",
                            "consumer",
                            None,
                            &["provider", "subscription", "customer"],
                        ),
                        index("provider", "provider", None, &["consumer"]),
                        index(
                            "customer",
                            "customer",
                            None,
                            &["consumer", "provider", "subscription", "cause"],
                        ),
                    ]
                }
            }
            Self::Subscription => {
                const {
                    &[
                        index(
                            "customer",
                            "customer",
                            Some("provider"),
                            &["cause", "subscription"],
                        ),
                        index("provider", "provider", None, &["customer"]),
                    ]
                }
            }
            Self::Delegation => {
                const {
                    &[
                        index("audience", "audience", None, &["link"]),
                        index("issuer", "issuer", None, &["link", "audience"]),
                    ]
                }
            }
            Self::RateLimit => const { &[index("subject", "subject", None, &["rate", "id"])] },
            Self::Customer => {
                const { &[index("account", "account", None, &["customer", "product"])] }
            }
            Self::SpaceDiff => const { &[index("cause", "cause", None, &["pk", "sk"])] },
            _ => &[],
        }
    }
}

/// Marks a projection of all attributes.
const ALL: &[&str] = &[];

/// One global secondary index.
#[derive(Clone, Copy, Debug)]
pub struct Index {
    /// Its name.
    pub name: &'static str,
    /// Partition key.
    pub partition: &'static str,
    /// Sort key.
    pub sort: Option<&'static str>,
    /// Projected attributes beside the keys; empty means all.
    pub projected: &'static [&'static str],
}

const fn index(
    name: &'static str,
    partition: &'static str,
    sort: Option<&'static str>,
    projected: &'static [&'static str],
) -> Index {
    Index {
        name,
        partition,
        sort,
        projected,
    }
}

/// The network's buckets.
pub mod bucket {
    /// Blobs and CARs.
    pub const CARPARK: &str = "carpark-local-0";
    /// Delegations in R2, under keys with a leading slash.
    pub const DELEGATIONS: &str = "r2-delegation-local-0";
    /// Delegations in S3, the place of before R2; same keys.
    pub const OLD_DELEGATIONS: &str = "delegation-local-0";
    /// The storage node's claims.
    pub const CLAIMS: &str = "local-storage-claim-store-bucket";
    /// The indexing service's claims.
    pub const INDEXER_CLAIMS: &str = "local-indexer-claims";
    /// Lists of shards of uploads with 5000 shards and more.
    pub const UPLOAD_SHARDS: &str = "upload-shards-local-0";
    /// Agent messages of the upload service.
    pub const MESSAGES: &str = "workflow-store-local-0";
    /// IPNI jobs of the blob protocol.
    pub const IPNI_BLOB: &str = "local-storage-ipni-publisher";
    /// IPNI jobs of the store protocol.
    pub const IPNI_STORE: &str = "store-protocol-local-storage-ipni-publisher";
    /// Where a run ships its journal and reports.
    pub const REPORTS: &str = "local-migration-reports";

    /// Every bucket.
    pub const ALL: [&str; 10] = [
        CARPARK,
        DELEGATIONS,
        OLD_DELEGATIONS,
        CLAIMS,
        INDEXER_CLAIMS,
        UPLOAD_SHARDS,
        MESSAGES,
        IPNI_BLOB,
        IPNI_STORE,
        REPORTS,
    ];
}

/// The network's queues, all FIFO with content-based deduplication.
pub mod queue {
    /// IPNI jobs of the blob protocol.
    pub const IPNI_BLOB: &str = "local-storage-ipni-publisher.fifo";
    /// IPNI jobs of the store protocol.
    pub const IPNI_STORE: &str = "store-protocol-local-storage-ipni-publisher.fifo";

    /// Every queue.
    pub const ALL: [&str; 2] = [IPNI_BLOB, IPNI_STORE];
}
