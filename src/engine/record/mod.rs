//! What a run writes down: cursors, the checkpoint file, the journal, the results.

mod checkpoint;
mod files;
mod recall;
mod tracker;

pub(super) use checkpoint::CheckpointState;
pub(super) use files::{Files, ItemLine, empty_checkpoint};
pub(super) use recall::Recall;
pub(super) use tracker::{ItemSeq, Tracker};
