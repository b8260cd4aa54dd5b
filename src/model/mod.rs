//! The words of a run, pure: what every other room says when it speaks of work.
//!
//! The glossary in `lib.rs` says what each word means.
//!
//! May import `proto`. Never waits, never reads a clock, a file or the network.

mod audit;
mod control;
mod counts;
mod effect;
mod ended;
mod event;
mod failure;
mod fleet;
mod ids;
mod invariant;
mod plan;
mod reason;
mod reasons;
mod snapshot;
mod stored;
mod tallies;
mod vocabulary;

pub use crate::time::UnixMillis;
pub use audit::{
    AUDIT_VERSION, AuditLine, AuditOpening, Audited, Finding, StepPlan, UnitAudited, Unlisted,
    Verdict, VerdictCounts,
};
pub use control::{Control, ControlCommand, Limit, Said, Setting};
pub use counts::{Counts, Settled, StepCounts, each_shown, shown};
pub use effect::{Effect, Undo};
pub use ended::Ended;
pub use event::{Event, PartCount};
pub use failure::{Class, FailedItem, Failure};
pub use fleet::{InstanceReport, Level, Limits, Throttle, Warning};
pub use ids::{
    Epoch, FolderId, InstanceId, ItemId, JournalId, MigrationName, PartId, PartIdError, PlanId,
    RunId, StepName, UnitId,
};
pub use invariant::Invariant;
pub use plan::{PlanSummary, ShareSize};
pub use reason::{Reason, UnknownReason};
pub use reasons::{ReasonInfo, Reasons};
pub use snapshot::{Rate, Retrying, Snapshot, TakenUnit, UnitTotals};
pub use stored::{
    Belongs, ByStatus, CHECKPOINT_VERSION, Checkpoint, Fence, Further, Holder, ItemRange,
    JOURNAL_VERSION, JournalEntry, JournalFault, JournalLine, JournalOpening, JournalRecord,
    JournalTrace, Lease, Pass, ProgressTotals, RowCounts, ShareTotals, Split, Stage, StateIdentity,
    Status, StatusError, StepRecord, StepState, Summing, TakenOver, Unit, UnitCheckpoint,
    UnitProgress,
};
pub use tallies::{UnitTallies, UnitTally};
pub use vocabulary::{Noun, StepDone, StepGroup, StepInfo, Vocabulary, rename_keys};
