//! Audits: probes and needs only, no effect, no row, no lease.
//!
//! The same look that decides what a run would do says what is missing or wrong; a dry run is an
//! audit whose findings are the plan.

mod choose;
mod explain;
mod judge;
mod start;

pub use choose::Choice;
pub use explain::{Explained, explain};
pub use start::{AuditOutcome, Audited, Scope, audit};
