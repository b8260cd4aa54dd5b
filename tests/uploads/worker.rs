//! A process that migrates, and what a seeded world must become under it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use sterna::engine::{self, Config, Events, Job, Outcome, RunParts, StepFilter, Stop, Tasks};
use sterna::migrations::uploads::reasons;
use sterna::migrations::uploads::{CustomerTables, Settings, Uploads, namespace};
use sterna::model::{FailedItem, InstanceId, Reason, RunId, Unit, UnitId};
use sterna::proto::{CustomerDid, SpaceDid};
use sterna::runtime::{Clock, ServiceRegistry};
use sterna::sandbox::world::plan::Expected;
use sterna::state::{self, Store};

use crate::fixture::Local;

/// Causes of whole spaces.
const OF_SPACES: [Reason; 3] = [
    reasons::MISSING_DELEGATION,
    reasons::GATEWAY_DECLINED,
    reasons::PRIVATE_SPACE,
];

/// A process that migrates, with a memory of its own.
pub(crate) struct Worker {
    pub(crate) migration: Arc<Uploads>,
    pub(crate) store: Store,
    pub(crate) dependencies: ServiceRegistry,
    _dir: Option<tempfile::TempDir>,
}

/// Migration spaces that are forgotten with the test; clones share them.
pub(crate) fn unkept_rows() -> CustomerTables {
    let config = state::Config::new(namespace("local-migration-"), "unused");
    CustomerTables::of(&Store::in_memory(config))
}

impl Worker {
    pub(crate) async fn new(local: &Local, spaces: CustomerTables, settings: Settings) -> Self {
        Self::with(&local.config, spaces, settings).await
    }

    pub(crate) async fn with(
        config: &sterna::client::Config,
        spaces: CustomerTables,
        settings: Settings,
    ) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let state = state::Config::new(namespace("local-migration-"), dir.path());
        Self {
            _dir: Some(dir),
            ..Self::over_config(config, Store::in_memory(state), spaces, settings).await
        }
    }

    /// One whose state lies elsewhere.
    pub(crate) async fn over(
        local: &Local,
        store: Store,
        spaces: CustomerTables,
        settings: Settings,
    ) -> Self {
        Self::over_config(&local.config, store, spaces, settings).await
    }

    async fn over_config(
        config: &sterna::client::Config,
        store: Store,
        spaces: CustomerTables,
        settings: Settings,
    ) -> Self {
        let dependencies = ServiceRegistry::new();
        let connect = Uploads::connect(
            config,
            Clock::system(),
            dependencies.clone(),
            spaces,
            settings,
        );
        Self {
            migration: Arc::new(connect.await.unwrap()),
            store,
            dependencies,
            _dir: None,
        }
    }

    pub(crate) async fn run(&self, job: Job, steps: StepFilter, name: &str) -> Outcome {
        let mut config = config(name);
        config.steps = steps;
        engine::run(self.parts(), config, job).await.unwrap()
    }

    pub(crate) fn parts(&self) -> RunParts<Uploads> {
        let clock = Clock::system();
        RunParts {
            migration: Arc::clone(&self.migration),
            store: self.store.clone(),
            stop: Stop::new(),
            tasks: Tasks::new(),
            clock,
            events: Events::new(clock),
            dependencies: self.dependencies.clone(),
        }
    }

    /// The items that were quarantined.
    pub(crate) async fn failures(&self) -> Vec<FailedItem> {
        let query = state::FailedQuery::default();
        self.store.failed_items(&query).await.unwrap()
    }

    /// Reasons of the items that were quarantined, by root; of those that a cause of their space keeps back, by space and
    /// with their number.
    pub(crate) async fn failed(&self) -> BTreeMap<String, Reason> {
        let rows = self.failures().await.into_iter();
        rows.map(|row| {
            let name = if row.item.is_all_of_unit() {
                kept_back(&row.unit.name, row.items)
            } else {
                row.item.as_str().to_owned()
            };
            (name, row.failure.reason)
        })
        .collect()
    }
}

pub(crate) fn config(run: &str) -> Config {
    let mut config = Config::new(InstanceId::number(1), RunId::new(run), "local");
    config.concurrency = 8;
    config.folder = Some(sterna::model::FolderId::new("here"));
    config.adopt_own = true;
    config.pace.verify_within = std::time::Duration::from_secs(20);
    config.max_failure_rate = 1.0;
    config.pace.attempts = 1;
    config.pace.attempt_wait = std::time::Duration::from_millis(100);
    config
}

pub(crate) fn units(local: &Local) -> Vec<Unit> {
    let pairs: BTreeSet<_> = local
        .world
        .uploads
        .iter()
        .map(|record| (record.customer.clone(), record.space.clone()))
        .collect();
    let unit = |(customer, space): (String, String)| {
        let customer: CustomerDid = customer.parse().unwrap();
        let space: SpaceDid = space.parse().unwrap();
        Unit::new(UnitId::new(&customer, &space))
    };
    pairs.into_iter().map(unit).collect()
}

/// Uploads that a cause of their space keeps back, as [`Worker::failed`] names them.
pub(crate) fn kept_back(space: &str, uploads: u64) -> String {
    format!("{uploads} uploads of {space}")
}

/// The failures that the world is made to end in; a space that the gateway cannot or should not serve has one for all
/// its uploads.
pub(crate) fn expected(local: &Local) -> BTreeMap<String, Reason> {
    let mut of_spaces = BTreeMap::<(&str, Reason), u64>::new();
    let mut failures = BTreeMap::new();
    for record in &local.world.uploads {
        let Expected::Failed(reason) = &record.expected else {
            continue;
        };
        let reason = reason.parse().unwrap();
        if OF_SPACES.contains(&reason) {
            *of_spaces.entry((&record.space, reason)).or_default() += 1;
        } else {
            failures.insert(record.root.clone(), reason);
        }
    }
    let of_spaces = of_spaces.into_iter();
    failures
        .extend(of_spaces.map(|((space, reason), uploads)| (kept_back(space, uploads), reason)));
    failures
}
