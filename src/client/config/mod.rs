//! What the clients must be told: plain data, built by the room `config`.

mod aws;
mod clients;
mod limits;
mod network;
mod secrets;

pub use aws::{Aws, AwsEndpoints, Credentials, R2};
pub use clients::Config;
pub use limits::Limits;
pub use network::{Buckets, Carpark, Network, Queues, Reach, Service, StorageNode, Tables};
pub use secrets::{EncryptionKey, ProofSet, Secrets};
