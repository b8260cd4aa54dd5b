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
    JournalLine, JournalOpening, JournalRecord, Mark,
};
pub use holder::Holder;
pub use identity::{Belongs, StateIdentity};
pub use progress::{JournalTrace, Lease, StepRecord, StepState, Sweep, Unit, UnitProgress};
pub use split::{Between, Split, Stage};
pub use status::{Status, StatusError};
pub use takeover::TakenOver;
pub use totals::{ByStatus, ProgressTotals, RowCounts, ShareTotals, Summing};
