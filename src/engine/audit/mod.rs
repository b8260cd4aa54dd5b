//! Audits: runs whose work on an item is to look and to judge, without effects, rows and leases.
//!
//! The same look that decides what a run would do says what is missing or wrong; a dry run is an
//! audit whose findings are the plan. Whatever goes wrong on the way (a service that is down, a row
//! that cannot be read, a listing that breaks, a panic) is "could not tell", never silence.
//!
//! ```text
//! audit ─ unit: row → unit steps → list ─ item: probe → gaps → verdict
//!   └ report: verdicts below the cursor of each unit, by time; a later audit goes on there
//! ```

mod explain;
mod judge;
mod patience;
mod report;
mod shared;
mod start;
mod tracker;
mod unit;

pub use explain::{Explained, explain};
pub use shared::{AuditOutcome, Scope};
pub use start::audit;

pub use report::Report;
