//! What is stored between runs: progress rows, their status words, and the local files.

mod files;
mod progress;
mod space;
mod split;
mod status;
mod takeover;

pub use files::{
    CHECKPOINT_VERSION, Checkpoint, Fence, JOURNAL_VERSION, JournalEntry, JournalFault,
    JournalLine, JournalOpening, JournalRecord, Mark,
};
pub use progress::{Lease, StepRecord, StepState, Sweep, Unit, UnitProgress};
pub use space::SpaceMark;
pub use split::{Between, Split, Stage};
pub use status::{Status, StatusError};
pub use takeover::TakenOver;
