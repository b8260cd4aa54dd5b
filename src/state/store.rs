//! The shared state: every table over one store of rows.

use std::path::Path;
use std::sync::Arc;

use super::config::{Backend, Config};
use super::define::{self, Made};
use super::error::StateError;
use super::files::{Disk, Local};
use super::namespace::{Columns, Namespace, Tables};
use super::rows::{Dynamo, Key, Memory, Rows, Sqlite};
use crate::model::UnixMillis;
use crate::runtime::Clock;

/// The migration tables. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Store {
    pub(super) rows: Arc<dyn Rows>,
    pub(super) config: Arc<Config>,
    disk: Arc<dyn Disk>,
    clock: Clock,
}

impl Store {
    /// Over the rows that `config` names. `client` connects to `DynamoDB` if they are there. A missing file is made.
    ///
    /// # Errors
    /// As [`Store::in_file`].
    pub async fn open<F: Future<Output = aws_sdk_dynamodb::Client>>(
        config: Config,
        client: impl FnOnce() -> F,
    ) -> Result<Self, StateError> {
        match config.backend.clone() {
            Backend::DynamoDb => Ok(Self::new(&client().await, config)),
            Backend::Sqlite(file) => Self::in_file(&file, config),
        }
    }

    /// Over DynamoDB. The client has region, endpoint and credentials. Its retries are switched off; tries and
    /// deadlines come from `config`.
    #[must_use]
    pub fn new(client: &aws_sdk_dynamodb::Client, config: Config) -> Self {
        let rows = Dynamo::new(client, config.timeout, config.tries);
        Self::over(Arc::new(rows), config)
    }

    /// Over a `SQLite` file, which several processes may share. Creates it if it does not exist.
    ///
    /// # Errors
    /// The file belongs to another program or to a later version, or cannot be used.
    pub fn in_file(path: &Path, config: Config) -> Result<Self, StateError> {
        let rows = Sqlite::open(path, config.timeout).map_err(StateError::Rows)?;
        Ok(Self::over(Arc::new(rows), config))
    }

    /// In memory, empty: for simulations and tests without sockets.
    #[must_use]
    pub fn in_memory(config: Config) -> Self {
        Self::over(Arc::new(Memory::new()), config)
    }

    /// Over any store of rows.
    #[must_use]
    pub fn over(rows: Arc<dyn Rows>, config: Config) -> Self {
        Self {
            rows,
            config: Arc::new(config),
            disk: Arc::new(Local),
            clock: Clock::system(),
        }
    }

    /// The same tables with another clock for the times in rows.
    #[must_use]
    pub fn with_clock(mut self, clock: Clock) -> Self {
        self.clock = clock;
        self
    }

    /// The same tables, with local files on another disk.
    #[must_use]
    pub fn with_disk(mut self, disk: Arc<dyn Disk>) -> Self {
        self.disk = disk;
        self
    }

    /// The disk of checkpoint, journal and results.
    #[must_use]
    pub fn disk(&self) -> &Arc<dyn Disk> {
        &self.disk
    }

    /// The clock of the rows.
    #[must_use]
    pub fn clock(&self) -> Clock {
        self.clock
    }

    /// Now, by the clock of the rows.
    #[must_use]
    pub fn now(&self) -> UnixMillis {
        self.clock.now()
    }

    /// The rows, for tables of a migration's own.
    #[must_use]
    pub fn rows(&self) -> &dyn Rows {
        &*self.rows
    }

    /// Names, folder and limits.
    #[must_use]
    pub fn config(&self) -> &Config {
        &self.config
    }

    pub(super) fn tables(&self) -> &Tables {
        &self.config.namespace.tables
    }

    pub(super) fn columns(&self) -> &Columns {
        &self.config.namespace.columns
    }

    /// Creates missing tables and waits until they are active.
    ///
    /// # Errors
    /// Those of the tables.
    pub async fn create_tables(&self) -> Result<Vec<Made>, StateError> {
        let tables = define::definitions(&self.config.namespace);
        Ok(
            futures::future::try_join_all(tables.iter().map(|table| self.rows.ensure(table)))
                .await?,
        )
    }

    /// The tables that [`Store::create_tables`] would create. Reads only.
    ///
    /// # Errors
    /// Those of the tables.
    pub async fn check_tables(&self) -> Result<Vec<Made>, StateError> {
        let looks = define::definitions(&self.config.namespace).into_iter();
        let looks = looks.map(|table| async move {
            let nobody = "-".to_owned();
            let key = Key {
                partition: (table.partition, nobody.clone()),
                sort: table.sort.map(|sort| (sort, nobody)),
            };
            let found = self.rows.get(&table.name, &key).await;
            let created = match found.map_err(StateError::Rows) {
                Ok(_) => false,
                Err(error) if error.is_missing_table() => true,
                Err(error) => return Err(error),
            };
            Ok(Made {
                table: table.name,
                created,
                missing_indexes: Vec::new(),
            })
        });
        futures::future::try_join_all(looks).await
    }

    /// The tables as a `CloudFormation` template, and the IAM policy of a run, for operators who create them elsewhere.
    #[must_use]
    pub fn template(namespace: &Namespace) -> serde_json::Value {
        let tables = define::definitions(namespace);
        serde_json::json!({ "cloudFormation": define::cloud_formation(&tables), "iamPolicy": define::policy(&tables) })
    }
}
