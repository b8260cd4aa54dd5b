//! What survives a crash: one file per migration table, the checkpoint file, the journal.
//!
//! Owns every row that the migration writes for itself. May import `model` and `runtime`. Never decides what to do
//! next, and never overwrites a row whose epoch or status is another's.

mod config;
mod store;

pub use config::{Config, Tables};
pub use store::Store;
