//! How a run ended.

use std::collections::BTreeMap;
use std::path::PathBuf;

use crate::model::{Counts, Failure, InstanceId, Reason, Snapshot, UnitId};
use crate::state::{self, LeaseHolder};

/// What a run came to.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// How it ended.
    pub ended: Ended,
    /// Counters of everything in scope, earlier runs included.
    pub counts: Counts,
    /// What became of the items that a retry took up; those without a final outcome are left.
    pub retried: Counts,
    /// The bad ones of these, by reason.
    pub retried_reasons: BTreeMap<Reason, u64>,
    /// Items settled to help other instances, by whose they were. No part of `counts`.
    pub helped: BTreeMap<InstanceId, Counts>,
    /// The last snapshot.
    pub snapshot: Snapshot,
    /// Units, or single items, without a final outcome: those that others hold and those in trouble
    /// too.
    pub unfinished: u64,
    /// Units that others hold, with their holders.
    pub held: Vec<(UnitId, LeaseHolder)>,
    /// Units that could not be worked on, with the reason.
    pub troubled: Vec<(UnitId, Failure)>,
    /// Files that it wrote.
    pub files: Vec<PathBuf>,
}

/// How a run ended; the worst that holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ended {
    /// Everything in scope was looked at and has its final outcome.
    Finished,
    /// As many items as were allowed are settled; more are left.
    Limit,
    /// Asked to stop: a signal, a time limit, the operator.
    Stopped {
        /// Why.
        reason: String,
        /// What was in flight was dropped.
        aborted: bool,
    },
    /// A safety rule stopped it.
    Safety {
        /// Which rule and by how much.
        reason: String,
    },
    /// Trouble that may pass outlasted its limit; units are left.
    Trouble {
        /// What it was.
        reason: String,
    },
    /// Others hold all that is left.
    Held {
        /// Who.
        reason: String,
    },
    /// Nothing could work: credentials, configuration.
    Fatal(Failure),
}

/// Why a run could not begin or go on.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// Local state cannot be used or written.
    #[error(transparent)]
    State(state::StateError),
    /// A checkpoint is another's.
    #[error("{} holds {found}; {wanted}", path.display())]
    Foreign {
        /// The file.
        path: PathBuf,
        /// Whose it is.
        found: String,
        /// Whose it should be.
        wanted: String,
    },
    /// A journal is another's.
    #[error("{} holds {found}; {wanted}", path.display())]
    ForeignJournal {
        /// The file.
        path: PathBuf,
        /// Whose it is.
        found: String,
        /// Whose it should be.
        wanted: String,
    },
    /// The world could not be asked what a rollback would do.
    #[error("{0}")]
    Survey(Failure),
    /// A journal could not be read.
    #[error("read the journals")]
    Journals(#[from] std::io::Error),
    /// The report of an audit could not be read.
    #[error("read the report {}", path.display())]
    Report {
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// There is no audit to go on with.
    #[error("continue the last audit of {scope}")]
    NothingToResume {
        /// Of which scope.
        scope: String,
        /// The report of the last one, if it came to its end.
        ended: Option<PathBuf>,
    },
    /// A local file could not be opened or written.
    #[error("write {}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
}
