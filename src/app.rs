//! The one composition root: configuration to parts; spawn; drain.

mod audit;
mod control;
#[cfg(feature = "sandbox")]
mod demo;
mod explain;
mod inspect;
#[cfg(feature = "sandbox")]
mod local;
mod preflight;
mod reports;
mod scope;
pub mod setup;
mod tables;
mod takeover;
mod trouble;
mod uploads;

pub use crate::engine::{Listed, Refused};
/// Tells a running command to drain, to abort, or to end.
pub use crate::runtime::private::process as keep_private;
pub use crate::runtime::{Degree, Stop, Tasks};
pub use audit::{stopped, unless_stopped, verify};
pub use control::{control, control_log, control_status};
#[cfg(feature = "sandbox")]
pub use demo::{Asked, Demonstrated, News, Stage, Summary, Tell, demo};
pub use explain::explain;
pub use inspect::{Issue, claims, index_build, index_show, ucan_issue, ucan_show};
#[cfg(feature = "sandbox")]
pub use local::{StopReport, sandbox_seed, sandbox_start, sandbox_status, sandbox_stop};
pub use preflight::{Reliance, preflight};
pub use reports::{
    AuditReport, AuditedUpload, ControlReport, Difference, Ended, Face, InitReport, InitTable,
    PlanReport, RollbackPlan, RollbackReport, RunReport, Seen, SetupReport, SetupShare,
    Unaccounted, UnlistedSpace,
};
pub use tables::{init, init_template, monitor, setup};
pub use trouble::{Kind, Trouble};
pub use uploads::{Agree, STEPS, StepWords, lack, migrate, readable, retry, rollback, step_words};
