//! The outside services: a folder per service, a file per operation.
//!
//! May import `proto`, `runtime` and `model`. Every call here is idempotent, has a deadline, is retried in one
//! place, reads bounded bodies and ends in a classified [`Error`]. Nothing here decides what should be done.

mod config;
mod error;

pub use config::{
    Aws, AwsEndpoints, Buckets, Carpark, Config, Credentials, EncryptionKey, Limits, Network,
    ProofSet, Queues, R2, Secrets, Service, StorageNode, Tables,
};
pub use error::{Cause, Dependency, Error};
