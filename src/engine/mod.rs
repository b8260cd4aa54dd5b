//! The generic runner: lease, items, steps, verification, record.
//!
//! ```text
//! run ─ units: one loop ─ unit: lease → steps of the unit → listing ─ item: probe → record → apply → record → probe
//!                          └ renews the lease meanwhile               └ outcome: failure row → result line → cursor
//! ```
//!
//! Runs, retries, audits and rollbacks share the loop over units, the listing, the attempts and their backoff, the
//! admission of items, the time limit and the ending. An audit keeps no lease and no row: it probes and judges. A rollback
//! goes the same way backwards, over what the journals say was made.
//!
//! One path serves first run and resume: an effect that is there is found, and not made again. A unit goes on from
//! whichever is further, its row or the checkpoint file; with neither, every item is looked at again and found.
//!
//! May import `model`, `runtime` and `state`. Never knows what an item is: a migration says it through [`Migration`] and
//! [`Step`]. Whole attempts at an item are repeated here; a client repeats single calls.

mod admission;
mod attempts;
mod audit;
mod config;
mod context;
mod events;
mod health;
mod holders;
mod holds;
mod item;
mod lease;
mod listing;
mod migration;
mod outcome;
mod record;
mod rollback;
mod run;
mod shared;
mod unit;
mod watch;

pub use crate::model::Ended;
pub use crate::runtime::{Clock, Instant, ServiceRegistry, Stop, StopLevel, Tasks};
pub use audit::{AuditOutcome, Explained, Report, Scope, audit, explain};
pub use config::{Config, ItemList, Job, Pace, Retry, RunParts, StepFilter};
pub use context::{Depth, UnitContext};
pub use events::Events;
pub use migration::{
    Gap, Migration, OwnerEffects, OwnerRollup, Step, StepContext, Undoer, UnitObservation, UnitStep,
};
pub use outcome::{EngineError, Outcome};
pub use rollback::{
    Busy, KnownRun, Lack, Listed, MissingJournal, Refused, RolledBack, UndoPlan, Within, plan_undo,
    rollback, watch_others,
};
pub use run::{failed_items, run};
pub use watch::Heartbeat;

#[cfg(test)]
mod tests;
