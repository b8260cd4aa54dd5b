//! What commands answer, as data: `cli` prints it as a table or as JSON.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::Serialize;

/// How a run ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "how", rename_all = "kebab-case")]
pub enum Ended {
    /// Everything in scope was looked at.
    Finished,
    /// Stopped on purpose with work left: a signal, `--max-duration`, a pause.
    Stopped {
        /// Why.
        reason: String,
    },
    /// A safety rule stopped it.
    Safety {
        /// Which rule and by how much.
        reason: String,
    },
    /// Temporary trouble outlasted its limit.
    Trouble {
        /// Which dependency and its last words.
        reason: String,
    },
    /// Other instances hold all that is left.
    Held {
        /// Who holds what.
        reason: String,
    },
}

/// Counts of items: `planned = done + skipped + failed + quarantined + unknown + left`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Tally {
    /// Items in scope.
    pub planned: u64,
    /// Done and verified by this run.
    pub done: u64,
    /// Found complete, nothing to do.
    pub skipped: u64,
    /// Failed for now; `retry --failed` takes them.
    pub failed: u64,
    /// Set aside: their data explains why they cannot be done.
    pub quarantined: u64,
    /// May have happened; to be asked again.
    pub unknown: u64,
    /// Not looked at.
    pub left: u64,
}

/// What a `migrate` or `retry` process did.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RunReport {
    /// How it ended.
    pub ended: Ended,
    /// Items by outcome.
    pub items: Tally,
    /// Failed and quarantined items by reason code.
    pub failures: BTreeMap<String, u64>,
    /// Wall time.
    pub seconds: f64,
    /// Where the checkpoint and the journal lie.
    pub files: Vec<PathBuf>,
}

/// What an audit found.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct AuditReport {
    /// How it ended.
    pub ended: Ended,
    /// Uploads looked at.
    pub audited: u64,
    /// Complete and right.
    pub ok: u64,
    /// Missing or wrong.
    pub wrong: u64,
    /// Could not be told.
    pub unknown: u64,
    /// Wrong uploads by what is missing or wrong.
    pub reasons: BTreeMap<String, u64>,
    /// The first wrong and unknown uploads, with reasons.
    pub findings: Vec<Finding>,
    /// Wall time.
    pub seconds: f64,
}

/// One upload that is not right, or of which nothing can be said.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// Its space.
    pub space: String,
    /// Its root.
    pub root: String,
    /// `wrong` or `unknown`.
    pub verdict: String,
    /// What is missing, wrong, or could not be asked.
    pub reasons: Vec<String>,
}

/// A line of live progress; `Face` functions get one several times a second.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Progress {
    /// Items by outcome so far.
    pub items: Tally,
    /// Items in flight now.
    pub in_flight: u64,
    /// Items settled per second, over the last minute.
    pub per_second: f64,
    /// Failures by reason code so far.
    pub failures: BTreeMap<String, u64>,
    /// Why it is slow or stands still, when it does.
    pub slow: Option<String>,
}

/// Shows progress; called from a task of the run, must not block.
pub type Face = std::sync::Arc<dyn Fn(&Progress) + Send + Sync>;

/// What `init` found and made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct InitReport {
    /// Table name and whether it was made now.
    pub tables: Vec<InitTable>,
}

/// One table of `init`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct InitTable {
    /// Name.
    pub table: String,
    /// Made by this call; otherwise it was there.
    pub created: bool,
}

/// What `setup` counted and distributed.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SetupReport {
    /// Customers found.
    pub customers: u64,
    /// Spaces found.
    pub spaces: u64,
    /// Uploads counted.
    pub uploads: u64,
    /// One share per instance.
    pub instances: Vec<SetupShare>,
    /// Largest minus smallest load, in percent of the mean.
    pub spread_percent: f64,
    /// What was left out or looks odd: rows without customers, skipped customers.
    pub notes: Vec<String>,
    /// Nothing was written (`--analyze`).
    pub analyzed_only: bool,
}

/// The share of one instance.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SetupShare {
    /// Number of the instance.
    pub instance: u32,
    /// Its customers.
    pub customers: u64,
    /// Its spaces.
    pub spaces: u64,
    /// Its uploads.
    pub uploads: u64,
    /// Its customers file; `None` when nothing was written.
    pub file: Option<PathBuf>,
}
