//! Rollback: what a migration made is undone, the latest first.
//!
//! ```text
//! survey ─ journals + rows ─ what stays | what is undone
//! rollback ─ unit: lease → row starts over → item: effect: probe → record → undo → probe → record → steps of the unit
//!          └ owner, when nothing of its units is left: lease all its units → effects on the owner
//! ```
//!
//! The journals are read once, line by line, and what they say is sorted by unit into a temporary file: memory holds
//! 64 MiB while they are sorted, then about 300 bytes a unit and the effects of the items in flight.
//!
//! The journals say what was made; what was found is never in them as made, so it is never undone. An
//! effect that was intended and of which nothing more is known is looked for. The unit's row starts
//! over before the first effect is undone, so that whatever happens then, a run does again what is
//! missing. An effect leaves the account only when a probe of the world showed it gone: a second
//! rollback, after the first or after its crash, finds what is left, and nothing once all is gone; it
//! also gives back the units that the first one held, and brings the rows of their owners in step.

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
