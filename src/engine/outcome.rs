//! How a run ended.

use std::collections::BTreeMap;
use std::path::PathBuf;

use crate::model::{Counts, Ended, Failure, InstanceId, Reason, Snapshot, UnitId};
use crate::state::{self, LeaseHolder};

/// What a run came to.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// How it ended.
    pub ended: Ended,
    /// What this run settled, for other instances too. A retry counts by row: that one cause keeps many items back is
    /// counted once.
    pub this_run: Counts,
    /// Counters of everything in scope, earlier runs included. The scope of a retry is the items that it tried again;
    /// those without a final outcome are left.
    pub counts: Counts,
    /// The bad items in scope, by reason.
    pub reasons: BTreeMap<Reason, u64>,
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

/// Why a run could not begin or go on.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// Nothing could work (credentials, configuration), or what must be known first could not be asked. What was settled
    /// before is written.
    #[error("{0}")]
    Failed(Failure),
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
