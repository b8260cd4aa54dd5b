//! The generic runner: lease, items, steps, verification, record.
//!
//! ```text
//! run ─ units: one loop ─ unit: lease → steps of the unit → listing ─ item: probe → record → apply → record → probe
//!                          └ renews the lease meanwhile               └ outcome: failure row → result line → cursor
//! ```
//!
//! Runs, retries, audits and rollbacks share the loop over units, the listing, attempts and backoff, admission control,
//! the time limit and the ending. An audit has no lease and writes no row: it probes and judges. A rollback goes the
//! same way backwards, over the effects in the journals.
//!
//! First run and resume are the same path: an effect that exists is found and not repeated. A unit continues from the
//! cursor of its row.
//!
//! The engine does not know what an item is: a migration defines it with [`Migration`] and [`Step`]. The engine repeats
//! whole attempts at an item; a client repeats single calls.

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
