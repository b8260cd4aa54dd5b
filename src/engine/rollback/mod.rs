//! Rollback: undoes the effects of a migration, the latest first.
//!
//! ```text
//! survey ─ journals + rows ─ what stays | what is undone
//! rollback ─ unit: lease → row starts over → item: effect: probe → record → undo → probe → record → steps of the unit
//!          └ owner, when nothing of its units is left: lease all its units → effects on the owner
//! ```
//!
//! The journals are read once and sorted by unit into a temporary file. Memory holds 64 MiB while they are sorted, then
//! about 300 bytes per unit and the effects of the items in flight.
//!
//! Only effects that the journals say were made are undone, never found ones. An effect that was intended, and of which
//! nothing more is known, is probed. The row of a unit starts over before its first effect is undone, so that a later
//! run repeats what is missing. An effect counts as undone only after a probe showed it gone. So a second rollback,
//! after the first or after a crash, finds exactly what is left. It also releases units that the first one held, and
//! updates the rows of their owners.

mod effects;
mod guard;
mod owner;
mod plan;
mod plan_undo;
mod start;
mod targets;
mod undo;
mod unit;

pub use effects::{KnownRun, Lack, Listed, MissingJournal};
pub use guard::{Busy, watch_others};
pub use plan::UndoPlan;
pub use plan_undo::plan_undo;
pub use start::{RolledBack, rollback};
pub use targets::Within;
pub use undo::Refused;
