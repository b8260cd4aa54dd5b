//! What a run is told, as plain data.

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

/// How a run behaves.
#[derive(Debug, Clone)]
pub struct Config {
    /// Which instance this process is.
    pub instance: InstanceId,
    /// The id of its state folder; without it no lease is adopted.
    pub folder: Option<FolderId>,
    /// This run, unique in the world.
    pub run: RunId,
    /// The machine, for displays.
    pub host: String,
    /// The plan that the job is a part of, for displays.
    pub plan: Option<PlanId>,
    /// What local state belongs to; state of another identity is refused.
    pub identity: StateIdentity,
    /// Items in flight in this process.
    pub concurrency: u32,
    /// Leased units at once.
    pub units_at_once: u32,
    /// How closely items and units are looked at.
    pub depth: Depth,
    /// Which steps may be made.
    pub steps: StepFilter,
    /// Ends the run after so many items, unfinished units stay unfinished.
    pub limit: Option<u64>,
    /// Drains after this long.
    pub max_duration: Option<Duration>,
    /// Leases that an earlier process of this instance left in this state folder may be taken at once:
    /// the caller knows that it is dead (it holds the lock of the folder). Failed items are tried again, and units
    /// rolled back, without it.
    pub adopt_own: bool,
    /// Which units that ended are opened again.
    pub reopen: Reopen,
    /// Helps other instances when it has nothing left of its own: takes units of the shared table
    /// that nobody holds, or whose holder died, until all have ended.
    pub steal: bool,
    /// Ends when the operator asks this instance to drain. A rollback does not: who drains the fleet to roll back means
    /// the others.
    pub drains: bool,
    /// Share of unexpected failures, 0 to 1, above which the run stops.
    pub max_failure_rate: f64,
    /// Which part of the items may end with a reason of the data; of reasons that are not named, a usual one. None: such
    /// failures are not counted.
    pub expected: Option<BTreeMap<Reason, f64>>,
    /// Times, counts and sizes that hardly anybody changes.
    pub pace: Pace,
}

/// The finer settings of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pace {
    /// Term of a lease: renewed at a sixth, not trusted beyond three quarters.
    pub lease_term: Duration,
    /// Settled items after which the checkpoint file is written at the latest.
    pub checkpoint_items: u64,
    /// Time after which it is, if anything was settled.
    pub checkpoint_every: Duration,
    /// Whole attempts of an item.
    pub attempts: u32,
    /// The longest wait before the second attempt; it doubles for each further one.
    pub attempt_wait: Duration,
    /// No wait between attempts is longer.
    pub longest_attempt_wait: Duration,
    /// How long after its last effect an item may take to be seen right everywhere.
    pub verify_within: Duration,
    /// The first wait between two looks of a verification; it doubles up to ten seconds.
    pub verify_wait: Duration,
    /// Needs of one step of one item that are put right at once.
    pub gaps_at_once: usize,
    /// Settled items before the failure rate counts.
    pub rate_floor: u64,
    /// Time between two reports to the fleet table and looks at the control rows.
    pub report_every: Duration,
    /// How long a run goes on when what is asked of it cannot be read; then it begins nothing new until it can.
    pub control_within: Duration,
    /// How long a drain may take before it becomes an abort.
    pub drain_within: Duration,
    /// How long a drain waits for a service that is down before it becomes one.
    pub drain_down_within: Duration,
    /// How long a probe or a step may stand still before it is named.
    pub stalled_after: Duration,
    /// How long before it is given up, and tried again.
    pub give_up_after: Duration,
    /// Items of a unit that may be ahead of its slowest item.
    pub window: usize,
    /// A unit with more items left than these is split into parts, so that instances may share it.
    pub split_above: u64,
    /// Items of a part, unless there would be too many parts.
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

    /// The usual pace where leases last so long: an instance reports, and looks at what is asked of
    /// it, at least twelve times a term.
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
    /// Who holds the leases of this run.
    #[must_use]
    pub fn holder(&self) -> Holder {
        Holder {
            instance: self.instance.clone(),
            folder: self.folder.clone(),
        }
    }

    /// Whether a lease is of an earlier process of this instance and folder, and may be taken at once.
    #[must_use]
    pub fn adopts(&self, lease: &Lease) -> bool {
        self.adopt_own && lease.run != self.run && lease.holder.is_same(&self.holder())
    }

    /// The journal of this instance in its state folder.
    #[must_use]
    pub fn journal(&self) -> JournalId {
        JournalId::of(&self.instance, self.folder.as_ref())
    }

    /// The usual settings for an instance and a run.
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
    /// All of them; progress is kept.
    #[default]
    All,
    /// Only these, and nothing else is written: no lease, no progress, no failure rows.
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

/// What a run is about.
#[derive(Debug, Clone)]
pub enum Job {
    /// Whole units.
    Units(Vec<Unit>),
    /// Single items. Their effects are made and verified; no lease is taken and no progress
    /// written: when their unit's turn comes, they are found.
    Items(Vec<(UnitId, ItemId)>),
    /// Items that failed before are tried again; their rows and the counters of their units are set right.
    RetryFailed(Retry),
    /// Listed items are tried again, whether they failed or not and whether their units have ended or not; their rows and
    /// the counters of their units are set right.
    RetryListed(Arc<dyn ItemList>),
}

/// Which failed items are tried again: all that is given must hold, and nothing given is all of them.
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

/// A list of items that may be longer than memory: read in pieces, all of one unit one after the other.
pub trait ItemList: Send + Sync + std::fmt::Debug {
    /// The units of which items are named.
    fn units(&self) -> Vec<UnitId>;
    /// Items of a unit, the first `from` left out, at most `most`; none at the end. Blocks.
    ///
    /// # Errors
    /// The list cannot be read any more.
    fn items(&self, unit: &UnitId, from: usize, most: usize) -> std::io::Result<Vec<ItemId>>;
}

/// The parts a run is made of.
pub struct RunParts<M> {
    /// What is migrated.
    pub migration: Arc<M>,
    /// The shared state.
    pub store: Store,
    /// Asks the run to stop.
    pub stop: Stop,
    /// Starts tasks.
    pub tasks: Tasks,
    /// The time.
    pub clock: Clock,
    /// Where news goes.
    pub events: Events,
    /// The outside services, whose holds are shown.
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
