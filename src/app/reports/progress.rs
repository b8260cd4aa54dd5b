//! Where a command stands, for displays.

use crate::model::{Snapshot, Vocabulary};

/// Where a command stands.
#[derive(Debug, Clone, Copy)]
pub enum ProgressUpdate<'a> {
    /// What comes before the work.
    Start {
        /// What is being read.
        what: &'a str,
        /// How much of it was.
        done: u64,
        /// How much there is, if that is known.
        of: Option<u64>,
    },
    /// The work, and the words of its migration.
    Run(&'a Snapshot, &'a Vocabulary),
}

/// Shows where a command stands; called some times a second from its tasks, must not block.
pub type ProgressSink = std::sync::Arc<dyn Fn(ProgressUpdate<'_>) + Send + Sync>;
