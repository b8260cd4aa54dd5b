//! A session, and what a migration adds to the commands that every migration has.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use async_trait::async_trait;

use super::Work;
use crate::app::{ProgressSink, Stop};
use crate::engine::{Depth, Migration};
use crate::model::{Snapshot, StateIdentity, Vocabulary};
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
    /// What its runs report beside what every run reports; `()` for nothing.
    type Findings: Default + Send;

    /// Under which its state is kept: a store of another namespace is refused.
    fn namespace(&self) -> &Namespace;

    /// What it calls its items, units, owners and steps, and why items fail.
    fn vocabulary(&self) -> &'static Vocabulary;

    /// Connects to what its steps work with. Changes nothing.
    ///
    /// # Errors
    /// What it needs cannot be reached, or is not what it should be.
    async fn connect(&self, to: Connecting<'_>) -> Result<Arc<Self::Migration>>;

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
    ) -> Result<Self::Findings> {
        let _ = (session, work, ends);
        Ok(Self::Findings::default())
    }

    /// Adds to the report of a run what only this migration knows.
    fn amend(&self, session: &Session<Self>, snapshot: &Snapshot, findings: &mut Self::Findings) {
        let _ = (session, snapshot, findings);
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
