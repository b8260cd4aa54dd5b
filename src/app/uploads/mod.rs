//! The commands of the uploads migration: scopes of customers and spaces, and what comes before a run.

mod explain;
mod listed;
mod migrate;
mod plan;
mod preflight;
mod retry;
mod rollback;
mod sample;
mod scope;
mod setup;
mod steps;
mod takeover;
mod verify;
mod workload;

/// Rows that are written at once.
const ROWS: usize = 16;

use workload::{BEGIN, UploadsSession, connect};

pub use explain::explain;
pub use migrate::migrate;
pub use preflight::{Reliance, preflight};
pub use retry::retry;
pub use rollback::rollback;
pub use setup::setup;
pub use steps::{STEPS, StepWords, readable, step_group_names, step_words, steps_named};
pub use verify::verify;
pub use workload::uploads_vocabulary;
