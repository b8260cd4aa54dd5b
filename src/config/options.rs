//! What each command is asked to do, as plain data: flags already parsed and checked against each other.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use cid::Cid;

use crate::model::{Class, ControlCommand, Reason, RunId, StepGroup};
use crate::proto::{CustomerDid, SpaceDid};

/// What a run, an audit or a retry is about.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Scope {
    /// Customers of this instance (`--customers-file`), already read and checked.
    pub customers: Option<super::CustomersFile>,
    /// `--customer`: only these customers.
    pub only_customers: Vec<CustomerDid>,
    /// `--space`: only these spaces.
    pub only_spaces: Vec<SpaceDid>,
    /// `--cid`, `--roots-file`: only the uploads with these roots; none is all of them.
    pub roots: Vec<super::Root>,
    /// At most this many uploads; `None` is all of them.
    pub limit: Option<u64>,
}

/// Arguments of `migrate`.
#[expect(clippy::struct_excessive_bools, reason = "each is a flag")]
#[derive(Debug, Clone, PartialEq)]
pub struct Migrate {
    /// What to migrate.
    pub scope: Scope,
    /// `--only`: the steps to make; `None` for all of them.
    pub only: Option<&'static StepGroup>,
    /// `--repair`: go through spaces again that the existing tool completed.
    pub repair: bool,
    /// `--recheck`: look at every upload again, also in spaces that are completed, and at whether what the records name
    /// is there.
    pub recheck: bool,
    /// `--dry-run`: only probe and say what would be done.
    pub dry_run: bool,
    /// The number of this instance; names its checkpoint and its fleet row.
    pub instance: u32,
    /// `--steal`: help other instances when nothing of the own is left to begin.
    pub steal: bool,
    /// `--split-above`: a space with more uploads left than these is split, so that instances share it.
    pub split_above: u64,
    /// Uploads in flight in this process.
    pub concurrency: usize,
    /// Settled uploads between two checkpoints.
    pub checkpoint_every: u64,
    /// Drain after this long.
    pub max_duration: Option<Duration>,
    /// Share of unexpected failures, 0 to 1, above which the run stops.
    pub max_failure_rate: f64,
    /// `--expect`: the share of uploads, 0 to 1, that a reason of the data may have.
    pub expected: BTreeMap<Reason, f64>,
    /// `--unverified-hashes index`: index blocks whose hash functions are not computed here unchecked.
    pub index_unverified: bool,
}

/// Arguments of `verify` and of `migrate --verify-only`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verify {
    /// What to audit.
    pub scope: Scope,
    /// The number of this instance; names its checkpoint.
    pub instance: u32,
    /// Uploads in flight in this process.
    pub concurrency: usize,
    /// Drain after this long.
    pub max_duration: Option<Duration>,
    /// `--deep`: read every byte of indexes and shards.
    pub deep: bool,
    /// `--resume`: go on with the last audit of the same scope, which was stopped.
    pub resume: bool,
}

/// Arguments of `retry --failed`: all that are given must hold.
#[derive(Debug, Clone, PartialEq)]
pub struct Retry {
    /// Items of these customers and spaces only; `limit` bounds the items taken.
    pub scope: Scope,
    /// What the report of an audit names, instead of what failed.
    pub audit: Option<PathBuf>,
    /// Only failures with one of these reason codes.
    pub reasons: Vec<Reason>,
    /// Only failures of one of these classes.
    pub classes: Vec<Class>,
    /// Only failures of one of these steps.
    pub steps: Vec<String>,
    /// `--dry-run`: only look and say what would be done.
    pub dry_run: bool,
    /// Only failures of the last so much time.
    pub since: Option<Duration>,
    /// Only failures that this instance recorded.
    pub only_instance: Option<u32>,
    /// The number of this instance.
    pub instance: u32,
    /// Uploads in flight in this process.
    pub concurrency: usize,
    /// Share of unexpected failures, 0 to 1, above which the run stops.
    pub max_failure_rate: f64,
    /// `--unverified-hashes index`: index blocks whose hash functions are not computed here unchecked.
    pub index_unverified: bool,
}

/// Arguments of `rollback`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rollback {
    /// Customers and spaces; roots or a limit mean nothing here.
    pub scope: Scope,
    /// Only what this run made.
    pub run: Option<RunId>,
    /// Journals beside those of the state folder: files, or folders that hold some.
    pub journals: Vec<PathBuf>,
    /// The number of this instance.
    pub instance: u32,
    /// Take back what is known although journals are missing.
    pub allow_missing_journal: bool,
    /// Uploads in flight in this process.
    pub concurrency: usize,
    /// Only say what would be done.
    pub dry_run: bool,
}

/// Arguments of `setup`.
#[derive(Debug, Clone, PartialEq)]
pub struct Setup {
    /// Number of instances to distribute over.
    pub instances: u32,
    /// Parallel segments of the table scan.
    pub parallel_segments: u32,
    /// Workers per instance, written into the instance files.
    pub workers_per_instance: Option<u32>,
    /// Leave out customers with fewer uploads.
    pub min_uploads: u64,
    /// Only customers whose DID contains this text.
    pub filter: Option<String>,
    /// Customers to leave out, one DID or e-mail address per line.
    pub skip_file: Option<PathBuf>,
    /// Split a customer by space when it is larger than this percentage of an instance's share.
    pub split_over_percent: Option<f64>,
    /// Only print the distribution, write nothing.
    pub analyze: bool,
    /// Put another plan in force although instances run that lose spaces of their shares.
    pub while_running: bool,
}

impl Setup {
    /// The flags that shape the plan, as they would be written.
    #[must_use]
    pub fn shape(&self) -> String {
        let mut flags = vec![format!("--instances {}", self.instances)];
        if let Some(percent) = self.split_over_percent {
            flags.push(format!("--split-over {percent}%"));
        }
        if self.min_uploads > 0 {
            flags.push(format!("--min-uploads {}", self.min_uploads));
        }
        if let Some(filter) = &self.filter {
            flags.push(format!("--filter {filter}"));
        }
        if let Some(path) = &self.skip_file {
            flags.push(format!("--skip-file {}", path.display()));
        }
        flags.join(" ")
    }
}

/// What `monitor` shows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Monitor {
    /// Only this customer.
    pub customer: Option<CustomerDid>,
    /// Only this space.
    pub space: Option<SpaceDid>,
    /// Only this instance.
    pub instance: Option<u32>,
    /// Only failed items.
    pub failed: bool,
    /// Only units without progress for a while.
    pub stuck: bool,
    /// Sum up all progress rows now, however many there are.
    pub exact: bool,
}

/// A command of the operator (`ctl pause`, `resume`, `drain`, `set`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Control {
    /// Only this instance; `None` is the fleet.
    pub instance: Option<u32>,
    /// Only say what would be asked.
    pub dry_run: bool,
    /// What is asked.
    pub command: ControlCommand,
    /// Why.
    pub why: String,
}

/// What `explain` is asked about: uploads, with or without their space, or a space.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explain {
    /// The roots of the uploads.
    pub roots: Vec<super::Root>,
    /// The space.
    pub space: Option<SpaceDid>,
}

/// Arguments of `claims`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claims {
    /// Whose claims: its multihash is asked for.
    pub content: Cid,
    /// Only claims of these spaces.
    pub spaces: Vec<SpaceDid>,
}

/// Arguments of `sandbox start`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SandboxStart {
    /// Folder of the network's data; `None` is `<state dir>/local`.
    pub dir: Option<PathBuf>,
    /// What keys, proofs and worlds are derived from.
    pub seed: Option<u64>,
    /// Added to every request.
    pub latency: Option<Duration>,
    /// Also write the environment a client needs to this file.
    pub env_file: Option<PathBuf>,
}

/// The world to seed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct World {
    /// Number of customers.
    pub customers: u32,
    /// Number of spaces over all customers.
    pub spaces: u32,
    /// Number of uploads over all spaces.
    pub uploads: u32,
    /// What the content is derived from.
    pub seed: u64,
}

/// Arguments of `demo`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Demo {
    /// The world to seed.
    pub world: World,
    /// Number of `migrate` processes.
    pub instances: u32,
    /// Uploads in flight in each process.
    pub concurrency: usize,
}
