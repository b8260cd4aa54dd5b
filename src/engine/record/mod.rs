//! What a run records: cursors, checkpoint file, journal and results.

mod checkpoint;
mod files;
mod recall;
mod tracker;

pub(super) use checkpoint::CheckpointState;
pub(super) use files::{Files, ItemLine, empty_checkpoint};
pub(super) use recall::Recall;
pub(super) use tracker::{ItemSeq, Tracker};
