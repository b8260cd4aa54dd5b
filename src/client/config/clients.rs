//! All of it together.

use super::{Aws, Limits, Network, Secrets};

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
