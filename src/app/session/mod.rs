//! Sessions: what every migration's commands have in common, over a [`Workload`].
//!
//! | file | what |
//! |---|---|
//! | `workload` | the session, and what a migration adds |
//! | `plan` | sharing units out over instances |
//! | `open` | connects a session to its state and its migration |
//! | `work` | what a command works on |
//! | `run` | a run, and how it ended |
//! | `audit`, `audited` | the audit, and its report read again |
//! | `rollback` | undoing what a migration made |
//! | `recheck` | which recheck goes on |
//! | `before` | what may be stopped without loss |
//! | `folder` | the lock and the id of the state folder |
//! | `store` | the tables: open, make, identify |
//! | `totals` | the sum of all progress rows |

mod audit;
mod audited;
mod before;
mod folder;
mod open;
mod plan;
mod recheck;
mod rollback;
mod run;
pub(super) mod store;
mod totals;
mod work;
mod workload;

pub use super::reports::RunReport;
pub(super) use audited::AuditedItems;
pub use before::{stopped, unless_stopped};
pub use open::Surroundings;
pub use plan::PlanBy;
pub(super) use plan::{Change, NewPlan, Standing};
pub(super) use recheck::Begun;
pub use rollback::{Agree, Rollback, lack};
pub(super) use run::planned;
pub use work::Work;
pub use workload::{Connecting, Session, Workload};
