//! What is stored between runs: progress rows, their status words, and the local files.

mod files;
mod holder;
mod identity;
mod part;
mod progress;
mod split;
mod status;
mod takeover;
mod totals;

pub use files::{
    CHECKPOINT_VERSION, Checkpoint, Fence, Further, JOURNAL_VERSION, JournalEntry, JournalFault,
    JournalLine, JournalOpening, JournalRecord, UnitCheckpoint,
};
pub use holder::Holder;
pub use identity::{Belongs, StateIdentity};
pub use progress::{JournalTrace, Lease, Pass, StepRecord, StepState, Unit, UnitProgress};
pub use split::{ItemRange, Split, Stage};
pub use status::{Status, StatusError};
pub use takeover::TakenOver;
pub use totals::{ByStatus, ProgressTotals, RowCounts, ShareTotals, Summing};
