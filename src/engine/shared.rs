//! The shared parts of one run.

use std::collections::BTreeSet;
use std::ops::Deref;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::OwnedSemaphorePermit;

use crate::model::{
    Class, Event, Failure, Fence, ItemId, JOURNAL_VERSION, JournalEntry, JournalRecord, Reasons,
    StepName, UnitId,
};
use crate::runtime::{Clock, Instant, ServiceRegistry, Stop, StopLevel, Tasks};
use crate::state::{self, Store};

use super::admission::{Admission, AdmissionControl};
use super::attempts::Attempts;
use super::health::Health;
use super::holders::Holders;
use super::record::{CheckpointState, Files, empty_checkpoint};
use super::watch::InFlight;
use super::{
    Config, EngineError, Events, Migration, RunParts, Step, StepFilter, UnitContext, UnitStep,
};

/// The longest wait between two probes of a verification.
const LONGEST_PROBE_WAIT: Duration = Duration::from_secs(10);

fn health(config: &Config, reasons: Reasons) -> Health {
    let health = Health::new(config.max_failure_rate, config.pace.rate_floor, reasons);
    match &config.expected {
        Some(expected) => health.suspicious(expected.clone()),
        None => health,
    }
}

/// The shared parts of every run, whether it keeps records or only probes.
pub(super) struct Core<M: Migration> {
    pub(super) migration: Arc<M>,
    /// Steps of items that may be made.
    pub(super) steps: Vec<Arc<dyn Step<M>>>,
    /// Steps of units that may be made.
    pub(super) unit_steps: Vec<Arc<dyn UnitStep>>,
    pub(super) store: Store,
    pub(super) config: Config,
    pub(super) stop: Stop,
    pub(super) tasks: Tasks,
    pub(super) clock: Clock,
    pub(super) events: Events,
    pub(super) admission: AdmissionControl,
    pub(super) health: Health,
    pub(super) in_flight: InFlight,
    pub(super) dependencies: ServiceRegistry,
    fatal: Mutex<Option<Failure>>,
}

/// The shared parts of a run that keeps records.
pub(super) struct Shared<M: Migration> {
    core: Core<M>,
    pub(super) files: Arc<Files>,
    pub(super) checkpoints: CheckpointState,
    pub(super) holders: Holders,
    /// Units without a lease whose journal is recorded in shared state.
    unleased: tokio::sync::Mutex<BTreeSet<UnitId>>,
}

impl<M: Migration> Deref for Shared<M> {
    type Target = Core<M>;

    fn deref(&self) -> &Core<M> {
        &self.core
    }
}

impl<M: Migration> Core<M> {
    pub(super) fn new(parts: &RunParts<M>, config: Config) -> Self {
        let migration = &parts.migration;
        let mut steps = migration.steps();
        steps.retain(|step| config.steps.allows(&step.name()));
        let mut unit_steps = migration.unit_steps();
        unit_steps.retain(|step| config.steps.allows(&step.name()));
        Self {
            steps,
            unit_steps,
            migration: Arc::clone(migration),
            store: parts.store.clone(),
            stop: parts.stop.clone(),
            tasks: parts.tasks.clone(),
            clock: parts.clock,
            events: parts.events.clone(),
            admission: AdmissionControl::new(config.concurrency, config.limit),
            in_flight: InFlight::default(),
            health: health(&config, migration.reasons()),
            dependencies: parts.dependencies.clone(),
            fatal: Mutex::new(None),
            config,
        }
    }

    /// Publishes the start of the run: units, planned items, and items that were requested one by one.
    pub(super) fn announce(&self, units: u64, planned: u64, asked: Option<u64>) {
        self.events.publish(Event::RunStarted {
            run: self.config.run.clone(),
            instance: self.config.instance.clone(),
            migration: self.migration.name(),
            plan: self.config.plan.clone(),
            units,
            planned,
            asked,
        });
    }

    /// Waits until one more item may start; `None` if the run drains or the limit is reached.
    pub(super) async fn admit(&self) -> Option<OwnedSemaphorePermit> {
        tokio::select! {
            biased;
            () = self.stop.reached(StopLevel::Drain) => None,
            admission = self.admission.admit() => match admission {
                Admission::Slot(slot) => Some(slot),
                Admission::LimitReached => None,
            },
        }
    }

    /// Waits before another attempt. Returns `false` if the run drains first.
    pub(super) async fn wait(&self, wait: Duration) -> bool {
        tokio::select! {
            biased;
            () = tokio::time::sleep(wait) => true,
            () = self.stop.reached(StopLevel::Drain) => false,
        }
    }

    /// Probes until an effect is visible or the deadline is over. A probe that could not tell counts as not visible.
    pub(super) async fn until_seen<F>(&self, mut look: impl FnMut() -> F) -> Result<(), Failure>
    where
        F: Future<Output = Result<(), Failure>>,
    {
        let pace = &self.config.pace;
        let deadline = self.clock.instant() + pace.verify_within;
        let mut wait = pace.verify_wait;
        loop {
            let Err(failure) = look().await else {
                return Ok(());
            };
            let over = self.clock.instant() + wait > deadline;
            if over || failure.class == Class::Permanent {
                return Err(failure);
            }
            let asked = failure.retry_after.unwrap_or(wait);
            tokio::time::sleep(asked.min(pace.verify_within)).await;
            wait = (wait * 2).min(LONGEST_PROBE_WAIT);
        }
    }

    /// Whether the service that failed is down.
    pub(super) fn is_down(&self, failure: &Failure) -> bool {
        let service = failure.dependency.as_deref();
        service.is_some_and(|service| self.dependencies.is_down(service))
    }

    /// Whether a failed attempt does not count, because its service is down. While items are left to start, it never
    /// counts. When the last items make the service fail, it looks down, too, so they are excused only for a while.
    pub(super) fn excuses(&self, failure: &Failure, first: Instant) -> bool {
        let is_more_left = || self.events.read(|now| now.counts.left() > now.in_flight);
        self.is_down(failure)
            && (first.elapsed() < self.config.pace.give_up_after || is_more_left())
    }

    /// A unit as steps see it, without completed steps.
    pub(super) fn context(&self, unit: &UnitId) -> UnitContext {
        UnitContext::new(unit.clone(), self.clock, self.tasks.clone()).at_depth(self.config.depth)
    }

    /// Ends the run after a fatal failure.
    pub(super) fn die(&self, failure: &Failure) {
        let mut fatal = self.fatal.lock().unwrap_or_else(PoisonError::into_inner);
        if fatal.is_none() {
            *fatal = Some(failure.clone());
            tracing::error!(reason = %failure.reason, "{}", failure.message);
            self.drain(&failure.to_string());
        }
    }

    /// The fatal failure, if there was one.
    pub(super) fn fatal(&self) -> Option<Failure> {
        self.fatal
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Drains the run.
    pub(super) fn drain(&self, reason: &str) {
        if self.stop.level() == StopLevel::Run {
            self.events.publish(Event::Draining {
                reason: reason.to_owned(),
            });
        }
        self.stop.request(StopLevel::Drain, reason);
    }
}

impl<M: Migration> Shared<M> {
    /// Opens the local files and reads the checkpoint of an earlier run.
    pub(super) async fn open(
        parts: &RunParts<M>,
        config: Config,
        results: &'static str,
    ) -> Result<Arc<Self>, EngineError> {
        let empty = empty_checkpoint(&config, parts.migration.name());
        let opening = {
            let (store, tasks, config) = (parts.store.clone(), parts.tasks.clone(), config.clone());
            parts.tasks.blocking(move || {
                let files = Files::open(&store, &tasks, &config, results)?;
                let checkpoints = files.load(&empty)?;
                Ok::<_, EngineError>((files, checkpoints))
            })
        };
        let (files, checkpoints) = opening.await.map_err(|source| EngineError::File {
            path: parts.store.config().dir.clone(),
            source: std::io::Error::other(source),
        })??;
        Ok(Arc::new(Self {
            core: Core::new(parts, config),
            files: Arc::new(files),
            checkpoints: CheckpointState::new(checkpoints),
            holders: Holders::default(),
            unleased: tokio::sync::Mutex::default(),
        }))
    }

    /// Whether rows and checkpoint are written; not if only some steps are made.
    pub(super) fn keeps_records(&self) -> bool {
        self.config.steps == StepFilter::All
    }

    /// Writes the first journal line, before shared state names the journal.
    pub(super) async fn open_journal(&self) -> Result<(), Failure> {
        let opened = self.files.open_journal(self.clock.now()).await;
        opened.map_err(|error| error.failure())
    }

    /// Updates the sum of an owner, if the migration has one.
    ///
    /// # Errors
    /// Those of the tables. The sum is unchanged.
    pub(super) async fn refresh_owner(&self, owner: &str) -> Result<(), state::StateError> {
        match self.migration.owner_rollup() {
            Some(rollup) => rollup.refresh(&self.store, owner).await,
            None => Ok(()),
        }
    }

    /// Updates the row of an owner, with retries.
    pub(super) async fn sum_up(&self, owner: &str) -> Result<(), Failure> {
        let mut attempts = Attempts::default();
        loop {
            let Err(error) = self.refresh_owner(owner).await else {
                return Ok(());
            };
            let failure = error.failure();
            let wait = attempts.failed(&self.config.pace, &failure, |_| false);
            tracing::warn!(%owner, %error, attempts = attempts.counted, "the owner's row is not up to date");
            let Some(wait) = wait.filter(|_| error.is_transient()) else {
                return Err(failure);
            };
            tokio::select! {
                biased;
                () = tokio::time::sleep(wait) => {}
                () = self.stop.reached(StopLevel::Abort) => return Err(failure),
            }
        }
    }

    /// Writes a journal line to disk.
    pub(super) async fn journal(
        &self,
        (unit, fence): (&UnitId, Fence),
        item: Option<&ItemId>,
        step: Option<&StepName>,
        entry: JournalEntry,
    ) -> Result<(), Failure> {
        if fence.unleased {
            self.note_unleased(unit).await?;
        }
        let record = JournalRecord {
            v: JOURNAL_VERSION,
            seq: 0,
            fence: Some(fence),
            at: self.clock.now(),
            run: self.config.run.clone(),
            unit: unit.clone(),
            item: item.cloned(),
            step: step.cloned(),
            entry,
        };
        self.files.journal(record).await.map_err(|error| {
            let failure = error.failure();
            self.die(&failure);
            failure
        })
    }

    /// Records in shared state which journal holds effects on a unit without a lease, before the first effect.
    async fn note_unleased(&self, unit: &UnitId) -> Result<(), Failure> {
        let mut known = self.unleased.lock().await;
        if !known.contains(unit) {
            self.open_journal().await?;
            let noted = self.store.note_unleased(&self.config.journal(), unit).await;
            noted.map_err(|error| error.failure())?;
            known.insert(unit.clone());
        }
        Ok(())
    }
}
