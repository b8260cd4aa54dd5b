//! Watches a run: what hangs, whether it became slow, and whether the disk is full.
//!
//! ```text
//! activity (a probe, a step, a listing) ─ InFlight ┐
//! throughput ─ speed ─────────────────────────────┼─ watch → warnings → events, fleet row, log
//! free space ─ disk ──────────────────────────────┘       └ gives up what hangs; stops the run
//! ```
//!
//! An intended wait (a service that is down, a pause) does not count.

mod in_flight;

pub(crate) mod disk;
pub(crate) mod speed;

pub use in_flight::Heartbeat;
pub(crate) use in_flight::InFlight;
