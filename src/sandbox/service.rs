//! The services of the local network, one listener each.

use std::fmt;

use serde::{Deserialize, Serialize};

/// One listener of the local network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Service {
    /// The upload service (UCAN over HTTP).
    Upload,
    /// The storage node (UCAN over HTTP, and the blobs it stores).
    Node,
    /// The indexing service (UCAN over HTTP, and `GET /claims`).
    Indexer,
    /// The gateway (UCAN over HTTP, and retrieval by CID).
    Gateway,
    /// The carpark bucket's public URL.
    Carpark,
    /// The index worker, which slices CARs.
    IndexWorker,
    /// DynamoDB.
    #[serde(rename = "dynamodb")]
    DynamoDb,
    /// S3, also as R2.
    S3,
    /// SQS.
    Sqs,
    /// Counters and faults of this network.
    Control,
}

impl Service {
    /// Every service, in the order in which ports are taken.
    pub const ALL: [Self; 10] = [
        Self::Upload,
        Self::Node,
        Self::Indexer,
        Self::Gateway,
        Self::Carpark,
        Self::IndexWorker,
        Self::DynamoDb,
        Self::S3,
        Self::Sqs,
        Self::Control,
    ];

    /// The name in counters, faults and `sandbox.json`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Upload => "upload",
            Self::Node => "node",
            Self::Indexer => "indexer",
            Self::Gateway => "gateway",
            Self::Carpark => "carpark",
            Self::IndexWorker => "index-worker",
            Self::DynamoDb => "dynamodb",
            Self::S3 => "s3",
            Self::Sqs => "sqs",
            Self::Control => "control",
        }
    }

    /// Whether its `POST` bodies are agent messages.
    #[must_use]
    pub fn takes_messages(self) -> bool {
        matches!(
            self,
            Self::Upload | Self::Node | Self::Indexer | Self::Gateway
        )
    }
}

impl fmt::Display for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
