//! The outside services: a folder per service, a file per operation.
//!
//! May import `proto`, `runtime` and `model`. Every call here is idempotent, has a deadline, is retried in one
//! place, reads bounded bodies and ends in a classified [`ClientError`]. Nothing here decides what should be done.

mod aws;
mod batch;
pub mod blobs;
mod buckets;
mod calls;
mod carpark;
mod clock;
mod config;
mod error;
mod failure;
mod gateway;
mod http;
mod indexing;
mod ipni;
mod memory;
mod presence;
mod services;
mod tables;
mod ucan;
mod upload;

pub use aws::Clients as AwsClients;
pub use buckets::{ClaimStore, DelegationStore};
pub use carpark::{Addresses, Blob as CarparkBlob, CarparkClient, Layout, Located};
pub use config::{
    Aws, AwsEndpoints, Buckets, Carpark, Config, Credentials, EncryptionKey, Limits, Network,
    ProofSet, Queues, R2, Reach, Secrets, Service, StorageNode, Tables,
};
pub use error::{Cause, ClientError, Dependency};
pub use failure::CUSTOMER_CONFLICT;
pub use gateway::{GatewayClient, Grant, grant};
pub use indexing::{
    Answer, CacheRequest, HASHES, Indexed, IndexingClient, QueryKind, lacks_location,
};
pub use ipni::Publisher;
pub use presence::{Absent, Thing, absent};
pub use services::{Services, connect_indexing, connect_tables};
pub use tables::{
    Consumer, ConsumerEntry, DelegationRow, NetworkTables, Protocol, Provision, ShardRow,
    SpaceOfCustomer, UploadPage, UploadRow,
};
pub use ucan::{Issuers, Keys as ServiceKeys};
pub use upload::{Blob, Stored, UploadClient};
