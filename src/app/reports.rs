//! What commands answer, as data: `cli` prints it as a table or as JSON.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::Serialize;

use crate::model::{Counts, Finding, Reason, Snapshot, Verdict, VerdictCounts};

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

/// What a `migrate` or `retry` process did.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RunReport {
    /// How it ended.
    pub ended: Ended,
    /// Items by outcome.
    pub counts: Counts,
    /// Failed and quarantined items by reason code.
    pub failures: BTreeMap<Reason, u64>,
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
    /// Uploads by verdict.
    pub verdicts: VerdictCounts,
    /// The first uploads that are not right or could not be judged.
    pub uploads: Vec<Audited>,
    /// Wall time.
    pub seconds: f64,
    /// The whole report, a JSON line per upload that is not right; `None` when there is none.
    pub file: Option<PathBuf>,
}

/// One upload that is not right, or of which nothing can be said.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Audited {
    /// Its customer.
    pub customer: String,
    /// Its space.
    pub space: String,
    /// Its root.
    pub root: String,
    /// The worst of its findings.
    pub verdict: Verdict,
    /// What is missing or wrong.
    pub findings: Vec<Finding>,
    /// Why it could not be judged.
    pub could_not_tell: Option<String>,
}

/// Shows where a run stands; called some times a second from a task of the run, must not block.
pub type Face = std::sync::Arc<dyn Fn(&Snapshot) + Send + Sync>;

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
