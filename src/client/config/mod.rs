//! What the clients must be told: plain data, built by the room `config`.

mod aws;
mod limits;
mod network;
mod secrets;

pub use aws::{Aws, AwsEndpoints, Credentials, R2};
pub use limits::Limits;
pub use network::{Buckets, Carpark, Network, Queues, Reach, Service, StorageNode, Tables};
pub use secrets::{EncryptionKey, ProofSet, Secrets};

/// Everything the clients need for a migration of uploads.
///
/// Commands that only read (`setup`, `claims`) need [`Network`] and [`Aws`] alone.
#[derive(Clone)]
pub struct Config {
    /// How AWS is reached.
    pub aws: Aws,
    /// Who and where the services, tables, buckets and queues are.
    pub network: Network,
    /// Keys and proofs.
    pub secrets: Secrets,
    /// Deadlines, tries and concurrency.
    pub limits: Limits,
}
