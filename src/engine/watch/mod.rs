//! Watches a run from beside: what hangs, what is slower than it was, whether the disk is full.
//!
//! ```text
//! activity (a probe, a step, a listing) ─ InFlight ┐
//! throughput ─ speed ─────────────────────────────┼─ watch → warnings → events, fleet row, log
//! free space ─ disk ──────────────────────────────┘       └ gives up what hangs; stops the run
//! ```
//!
//! A wait that is meant (a service that is down, a pause) is not held against anybody.

mod in_flight;

pub(crate) mod disk;
pub(crate) mod speed;

pub use in_flight::Heartbeat;
pub(crate) use in_flight::InFlight;
