//! A session: one migration, connected to its state and to what its steps work with.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result};
use tokio_util::task::AbortOnDropHandle;

use super::store;
use super::workload::{Connecting, Session, Workload};
use crate::app::{CommandError, Kind, ProgressSink, ProgressUpdate, Stop};
use crate::config::Settings;
use crate::engine::{Config, Events, Pace, RunParts, StepFilter};
use crate::model::{InstanceId, RunId, StateIdentity};
use crate::runtime::{ServiceRegistry, Tasks};
use crate::state::Store;

/// Time between two updates of a display.
const FACE_EVERY: Duration = Duration::from_millis(250);

/// Where a session runs.
#[derive(Debug, Clone, Default)]
pub struct Surroundings {
    /// The environment that the state must be of.
    pub environment: String,
    /// How long a lease holds; `None` for the usual time.
    pub lease_term: Option<Duration>,
    /// The machine, as displays show it.
    pub host: String,
}

impl<W: Workload> Session<W> {
    /// Connects by the settings. Changes nothing.
    ///
    /// # Errors
    /// State or services cannot be reached, or are not what they should be.
    pub(in crate::app) async fn connect(settings: &Settings, workload: W) -> Result<Box<Self>> {
        let store = store::open(settings).await?;
        let surroundings = Surroundings {
            environment: settings.environment.as_str().to_owned(),
            lease_term: settings.lease_term,
            host: store::host(),
        };
        Self::over(store, surroundings, workload).await
    }

    /// Connects over a store. Changes nothing.
    ///
    /// # Errors
    /// The store is of another migration, environment or version; services cannot be reached.
    pub async fn over(store: Store, by: Surroundings, workload: W) -> Result<Box<Self>> {
        let (held, wanted) = (&store.config().namespace, workload.namespace());
        if held != wanted {
            return Err(CommandError::new(
                Kind::Mismatch,
                format!("open the state of migration {}", wanted.migration),
                format!("the store is opened for migration {}", held.migration),
                "open it with the namespace of the migration; nothing was done",
            )
            .into());
        }
        let (clock, dependencies) = (store.clock(), ServiceRegistry::new());
        let identity = store.identity(&by.environment).await;
        let identity = identity.map_err(|error| CommandError::of_state(&error))?;
        let to = Connecting {
            store: &store,
            clock,
            dependencies: &dependencies,
        };
        let migration = Box::pin(workload.connect(to)).await?;
        Ok(Box::new(Self {
            workload,
            migration,
            store,
            clock,
            tasks: Tasks::new(),
            identity,
            dependencies,
            lease_term: by.lease_term,
            host: by.host,
        }))
    }

    /// Which tables these are. Only what reads goes on without their id.
    ///
    /// # Errors
    /// [`Kind::Preflight`] if `init` gave them no id.
    pub fn identity(&self) -> Result<&StateIdentity> {
        let identity = self.identity.as_ref();
        let table = &self.store.config().namespace.tables.progress;
        Ok(identity.ok_or_else(|| store::without_id(table))?)
    }

    /// The engine's settings that every command shares.
    ///
    /// # Errors
    /// The tables have no id; more items in flight than can be counted.
    pub fn config(&self, instance: u32, concurrency: usize) -> Result<Config> {
        let run = RunId::new(uuid::Uuid::new_v4().to_string());
        let mut config = Config::new(InstanceId::number(instance), run, self.identity()?.clone());
        config.host.clone_from(&self.host);
        if let Some(term) = self.lease_term {
            config.pace = Pace::with_lease_term(term);
        }
        config.concurrency = u32::try_from(concurrency).context("--concurrency is too large")?;
        // Units that wait leased for a slot are kept from the other instances.
        config.units_at_once = config
            .units_at_once
            .min(config.concurrency.saturating_mul(2));
        Ok(config)
    }

    /// The steps of a group of the workload; all of them without a name, none for a name that it does not have.
    #[must_use]
    pub fn steps(&self, group: Option<&str>) -> StepFilter {
        let Some(name) = group else {
            return StepFilter::All;
        };
        let named = self.workload.vocabulary().step_group(name);
        StepFilter::Only(named.map_or_else(Vec::new, |group| group.steps.to_vec()))
    }

    /// The parts of one run, and the events that its display looks at.
    pub(in crate::app) fn parts(&self, stop: Stop) -> (RunParts<W::Migration>, Events) {
        let events = Events::new(self.clock);
        let parts = RunParts {
            migration: Arc::clone(&self.migration),
            store: self.store.clone(),
            stop,
            tasks: self.tasks.clone(),
            clock: self.clock,
            events: events.clone(),
            dependencies: self.dependencies.clone(),
        };
        (parts, events)
    }

    /// Shows where the run stands until the handle is dropped.
    pub(in crate::app) fn show(&self, events: Events, sink: ProgressSink) -> AbortOnDropHandle<()> {
        let words = self.workload.vocabulary();
        let showing = async move {
            loop {
                tokio::time::sleep(FACE_EVERY).await;
                events.read(|snapshot| sink(ProgressUpdate::Run(snapshot, words)));
            }
        };
        AbortOnDropHandle::new(self.tasks.spawn(showing))
    }
}
