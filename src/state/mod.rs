//! What survives a crash: one file per migration table, the checkpoint file, the journal.
//!
//! Owns every row that a migration keeps for itself. Never decides what to do next, and never overwrites a row that has
//! another's epoch or status.

pub mod checkpoint;
mod config;
pub mod define;
mod error;
pub mod files;
mod namespace;
pub mod rows;
mod store;
mod tables;

pub use config::{Backend, Config};
pub use error::StateError;
pub use files::Journal;
pub use namespace::{Columns, FilePrefix, NameError, Namespace, OwnTable, Tables};
pub use store::Store;
pub use tables::{
    FORMAT, FailedPage, FailedQuery, Grant, LeaseHolder, ProgressRow, Reopen, Scope, ScopedControl,
    StoredTotals, TakeKind, Turn,
};
