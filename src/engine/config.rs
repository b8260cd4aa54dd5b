//! The settings and parts of a run.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use crate::model::{
    FolderId, Holder, InstanceId, ItemId, JournalId, Lease, PlanId, Reason, RunId, StateIdentity,
    StepName, Unit, UnitId,
};
use crate::runtime::{Backoff, Clock, ServiceRegistry, Stop, Tasks};
use crate::state::{FailedQuery, Reopen, Store};

use super::Events;
use super::context::Depth;

/// The settings of a run.
#[derive(Debug, Clone)]
pub struct Config {
    /// Which instance this process is.
    pub instance: InstanceId,
    /// The id of its state folder. Without it no lease is adopted.
    pub folder: Option<FolderId>,
    /// This run, unique in the world.
    pub run: RunId,
    /// The machine, for displays.
    pub host: String,
    /// The plan of the job, for displays.
    pub plan: Option<PlanId>,
    /// The tables that local state belongs to. State of another identity is refused.
    pub identity: StateIdentity,
    /// Items in flight in this process.
    pub concurrency: u32,
    /// Leased units at once.
    pub units_at_once: u32,
    /// How closely probes look.
    pub depth: Depth,
    /// Which steps may be made.
    pub steps: StepFilter,
    /// The most items to start, if there is a limit.
    pub limit: Option<u64>,
    /// Drains after this long.
    pub max_duration: Option<Duration>,
    /// Whether leases of an earlier process of this instance in this state folder are taken at once. The caller holds
    /// the lock of the folder, so that process is dead. Retries and rollbacks do not use it.
    pub adopt_own: bool,
    /// Which ended units are reopened.
    pub reopen: Reopen,
    /// Whether to help other instances after the own share: take units that nobody holds, or whose holder is dead,
    /// until all units ended.
    pub steal: bool,
    /// Owners whose units it helps with; `None` for all.
    pub owners: Option<BTreeSet<String>>,
    /// Whether a drain command ends the run. A rollback ignores it: it is meant for the other instances.
    pub drains: bool,
    /// Share of unexpected failures, 0 to 1, above which the run stops.
    pub max_failure_rate: f64,
    /// The share of items that may fail for a reason that the data explains; other reasons have a default share. `None`
    /// does not check such failures.
    pub expected: Option<BTreeMap<Reason, f64>>,
    /// Times, counts and sizes that are seldom changed.
    pub pace: Pace,
}

/// The finer settings of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pace {
    /// The term of a lease. It is renewed after a sixth and not trusted after three quarters.
    pub lease_term: Duration,
    /// Settled items after which the checkpoint file is written.
    pub checkpoint_items: u64,
    /// Time after which it is written, if anything was settled.
    pub checkpoint_every: Duration,
    /// Whole attempts of an item.
    pub attempts: u32,
    /// The longest wait before the second attempt; it doubles for each further one.
    pub attempt_wait: Duration,
    /// No wait between attempts is longer.
    pub longest_attempt_wait: Duration,
    /// How long an effect may take to become visible everywhere.
    pub verify_within: Duration,
    /// The first wait between two probes of a verification. It doubles, up to ten seconds.
    pub verify_wait: Duration,
    /// Gaps of one step of one item that are closed at once.
    pub gaps_at_once: usize,
    /// Settled items before the failure rate is checked.
    pub rate_floor: u64,
    /// Time between two reports to the fleet table, and between two reads of the control rows.
    pub report_every: Duration,
    /// How long a run continues when the control rows cannot be read. Then it pauses until they can.
    pub control_within: Duration,
    /// How long a drain may take before the run aborts.
    pub drain_within: Duration,
    /// How long a drain waits for a service that is down before the run aborts.
    pub drain_down_within: Duration,
    /// How long a probe or a step may hang before a warning names it.
    pub stalled_after: Duration,
    /// How long it may hang before it is abandoned and tried again.
    pub give_up_after: Duration,
    /// Items of a unit that may be ahead of its slowest item.
    pub window: usize,
    /// A unit with more open items than this is split into parts that instances share.
    pub split_above: u64,
    /// Items per part, unless there would be too many parts.
    pub part_items: u64,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            lease_term: Duration::from_mins(1),
            checkpoint_items: 100,
            checkpoint_every: Duration::from_secs(5),
            attempts: 3,
            attempt_wait: Duration::from_secs(2),
            longest_attempt_wait: Duration::from_mins(1),
            verify_within: Duration::from_mins(1),
            verify_wait: Duration::from_millis(200),
            gaps_at_once: 4,
            rate_floor: 50,
            report_every: Duration::from_secs(5),
            control_within: Duration::from_mins(2),
            drain_within: Duration::from_mins(2),
            drain_down_within: Duration::from_secs(10),
            stalled_after: Duration::from_mins(5),
            give_up_after: Duration::from_mins(30),
            window: 1_024,
            split_above: 200_000,
            part_items: 50_000,
        }
    }
}

impl Pace {
    /// The waits between whole attempts.
    #[must_use]
    pub fn backoff(&self) -> Backoff {
        Backoff {
            first: self.attempt_wait,
            longest: self.longest_attempt_wait,
        }
    }

    /// The default pace for leases of this term. An instance reports and reads control rows at least twelve times a
    /// term.
    #[must_use]
    pub fn with_lease_term(term: Duration) -> Self {
        let usual = Self::default();
        Self {
            lease_term: term,
            report_every: usual.report_every.min(term / 12),
            ..usual
        }
    }
}

impl Config {
    /// The lease holder of this run.
    #[must_use]
    pub fn holder(&self) -> Holder {
        Holder {
            instance: self.instance.clone(),
            folder: self.folder.clone(),
        }
    }

    /// Whether a lease belongs to an earlier process of this instance and folder and may be taken at once.
    #[must_use]
    pub fn adopts(&self, lease: &Lease) -> bool {
        self.adopt_own && lease.run != self.run && lease.holder.is_same(&self.holder())
    }

    /// Whether it helps with units of this owner.
    #[must_use]
    pub fn helps(&self, owner: &str) -> bool {
        let owners = self.owners.as_ref();
        owners.is_none_or(|owners| owners.contains(owner))
    }

    /// The journal of this instance in its state folder.
    #[must_use]
    pub fn journal(&self) -> JournalId {
        JournalId::of(&self.instance, self.folder.as_ref())
    }

    /// The default settings for an instance and a run.
    pub fn new(instance: InstanceId, run: RunId, identity: impl Into<StateIdentity>) -> Self {
        Self {
            instance,
            folder: None,
            run,
            host: String::new(),
            plan: None,
            identity: identity.into(),
            concurrency: 16,
            units_at_once: 32,
            depth: Depth::default(),
            steps: StepFilter::All,
            limit: None,
            max_duration: None,
            adopt_own: false,
            reopen: Reopen::No,
            steal: false,
            owners: None,
            drains: true,
            max_failure_rate: 0.05,
            expected: None,
            pace: Pace::default(),
        }
    }
}

/// Which steps may be made.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum StepFilter {
    /// All steps. Progress is recorded.
    #[default]
    All,
    /// Only these. Nothing else is recorded: no lease, no progress, no failure rows.
    Only(Vec<StepName>),
}

impl StepFilter {
    /// Whether a step may be made.
    #[must_use]
    pub fn allows(&self, step: &StepName) -> bool {
        match self {
            Self::All => true,
            Self::Only(names) => names.contains(step),
        }
    }
}

/// What a run works on.
#[derive(Debug, Clone)]
pub enum Job {
    /// Whole units.
    Units(Vec<Unit>),
    /// Single items. Their effects are made and verified without lease and progress. A later run of their unit finds
    /// them complete.
    Items(Vec<(UnitId, ItemId)>),
    /// Items that failed before. Their rows and the counters of their units are updated.
    RetryFailed(Retry),
    /// Listed items, whether they failed before or not. They are probed and repaired, and their rows and counters
    /// updated.
    RetryListed(Arc<dyn ItemList>),
}

/// Which failed items are retried. All given conditions must hold; without any, all are retried.
#[derive(Debug, Clone, Default)]
pub struct Retry {
    /// Reason, class, step, instance, time.
    pub query: FailedQuery,
    /// Of one of these owners.
    pub owners: BTreeSet<String>,
    /// Of a unit of one of these names.
    pub names: BTreeSet<String>,
    /// With this name, in whichever units.
    pub item: Option<ItemId>,
}

/// A list of items that may not fit into memory. It is read in pieces, unit by unit.
pub trait ItemList: Send + Sync + std::fmt::Debug {
    /// The units of which items are named.
    fn units(&self) -> Vec<UnitId>;
    /// At most `most` items of a unit, from position `from` on; empty at the end. Blocks.
    ///
    /// # Errors
    /// The list cannot be read.
    fn items(&self, unit: &UnitId, from: usize, most: usize) -> std::io::Result<Vec<ItemId>>;
}

/// The parts a run is made of.
pub struct RunParts<M> {
    /// What is migrated.
    pub migration: Arc<M>,
    /// The shared state.
    pub store: Store,
    /// Stops the run.
    pub stop: Stop,
    /// Starts tasks.
    pub tasks: Tasks,
    /// The time.
    pub clock: Clock,
    /// Publishes events.
    pub events: Events,
    /// The outside services, whose throttles are shown.
    pub dependencies: ServiceRegistry,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reports_keep_up_with_short_leases_and_are_not_slowed_by_long_ones() {
        let usual = Pace::default();
        assert_eq!(Pace::with_lease_term(usual.lease_term), usual);
        let short = Pace::with_lease_term(Duration::from_secs(12));
        assert_eq!(short.report_every, Duration::from_secs(1));
        let long = Pace::with_lease_term(Duration::from_mins(10));
        assert_eq!(long.report_every, usual.report_every);
    }
}
