//! A session, and what a migration adds to the commands that every migration has.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use async_trait::async_trait;

use super::Work;
use crate::app::{LegacyFinding, ProgressSink, RunReport, Stop};
use crate::engine::{Depth, Migration};
use crate::model::{Snapshot, StateIdentity, StepName, Vocabulary};
use crate::runtime::{Clock, ServiceRegistry, Tasks};
use crate::state::{Namespace, Store};

/// One migration, connected. Commands are its methods and functions over it.
pub struct Session<W: Workload> {
    pub(in crate::app) workload: W,
    pub(in crate::app) migration: Arc<W::Migration>,
    pub(in crate::app) store: Store,
    pub(in crate::app) clock: Clock,
    pub(in crate::app) tasks: Tasks,
    /// Which tables these are; `None` if they have no id.
    pub(super) identity: Option<StateIdentity>,
    pub(super) dependencies: ServiceRegistry,
    /// How long a lease holds, if not as long as usual.
    pub(super) lease_term: Option<Duration>,
    /// The machine, as displays show it.
    pub(super) host: String,
}

/// A migration as the commands see it: its state, its engine side, its scopes.
#[async_trait]
pub trait Workload: Send + Sync + Sized + 'static {
    /// Its items and steps.
    type Migration: Migration;

    /// Under which its state is kept: a store of another namespace is refused.
    fn namespace(&self) -> &Namespace;

    /// What it calls its items, units and owners, and why items fail.
    fn vocabulary(&self) -> &'static Vocabulary;

    /// Connects to what its steps work with. Changes nothing.
    ///
    /// # Errors
    /// What it needs cannot be reached, or is not what it should be.
    async fn connect(&self, to: Connecting<'_>) -> Result<Arc<Self::Migration>>;

    /// Steps that can be made alone, by the name that `--only` knows them by.
    fn step_groups(&self) -> &'static [StepGroup] {
        &[]
    }

    /// What an audit of this depth does not check, in words.
    fn not_checked(&self, depth: Depth) -> Vec<String> {
        let _ = depth;
        Vec::new()
    }

    /// Writes what must be in place before a run that makes every step; what it found goes into the report.
    ///
    /// # Errors
    /// It could not be written: the run does not begin.
    async fn before_run(
        &self,
        session: &Session<Self>,
        work: &Work,
        ends: (&Stop, &ProgressSink),
    ) -> Result<Vec<LegacyFinding>> {
        let _ = (session, work, ends);
        Ok(Vec::new())
    }

    /// Adds to the report of a run what only this migration knows.
    fn amend(&self, session: &Session<Self>, snapshot: &Snapshot, report: &mut RunReport) {
        let _ = (session, snapshot, report);
    }
}

/// What a migration is connected over.
#[derive(Debug, Clone)]
pub struct Connecting<'a> {
    /// Its state.
    pub store: &'a Store,
    /// The clock of the process.
    pub clock: Clock,
    /// Where it registers the services that it calls.
    pub dependencies: &'a ServiceRegistry,
}

/// Steps that are made together when a run is to make nothing else.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StepGroup {
    /// Its name on the command line and in reports.
    pub name: &'static str,
    /// The steps.
    pub steps: &'static [StepName],
}
