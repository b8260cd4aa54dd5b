//! The one composition root: configuration to parts; spawn; drain.

pub mod blobs;
mod command_error;
mod control;
#[cfg(feature = "sandbox")]
mod demo;
mod inspect;
#[cfg(feature = "sandbox")]
mod local;
mod monitor;
mod readable;
mod reports;
pub mod session;
mod uploads;

pub use crate::engine::{Listed, Refused};
pub use crate::model::Ended;
pub use crate::runtime::private::process as keep_private;
/// Tells a running command to drain, to abort, or to end.
pub use crate::runtime::{Stop, StopLevel, Tasks};
pub use command_error::{CommandError, Kind};
pub use control::{control, control_log, control_status};
#[cfg(feature = "sandbox")]
pub use demo::{Asked, Demonstrated, News, Stage, Summary, Tell, demo};
pub use inspect::{Issue, claims, index_build, index_show, ucan_issue, ucan_show};
#[cfg(feature = "sandbox")]
pub use local::{StopReport, sandbox_seed, sandbox_start, sandbox_status, sandbox_stop};
pub use monitor::monitor;
pub use readable::readable;
pub use reports::{
    AuditReport, AuditedItem, ControlReport, InitReport, InitTable, PlanReport, ProgressSink,
    ProgressUpdate, RollbackPlan, RollbackReport, UnaccountedUnit, UnlistedUnit,
};
pub use session::store::{init, init_template};
pub use session::{Agree, lack, stopped, unless_stopped};
pub use uploads::{
    LegacyFinding, Reliance, RunFindings, RunReport, SetupReport, SetupShare, explain,
    gateway_first, migrate, preflight, retry, rollback, setup, uploads_vocabulary, verify,
};
