//! The content migrations: items, pure decisions, and one file per step.
//!
//! A migration says what is to be done and how; loops, leases,
//! retries, checkpoints and displays are the engine's.

pub mod blobs;
pub mod uploads;
