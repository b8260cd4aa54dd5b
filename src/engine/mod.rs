//! The generic runner: lease, items, steps, verification, record.
//!
//! May import `model`, `runtime` and `state`. Never knows what an item is: a migration says it
//! through [`Migration`] and [`Step`].

mod migration;

pub use crate::runtime::{Clock, Degree, Dependencies, Moment, Stop, Tasks};
pub use migration::{Look, Migration, Need, Step, Turn, UnitContext, UnitStep};
