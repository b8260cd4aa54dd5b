//! The one composition root: configuration to parts; spawn; drain.

mod commands;
mod inspect;
#[cfg(feature = "sandbox")]
mod local;
mod reports;
pub mod setup;
mod trouble;

/// Tells a running command to drain, to abort, or to end.
pub use crate::runtime::{Degree, Stop, Tasks};
pub use commands::{demo, explain, init, init_template, migrate, monitor, retry, setup, verify};
pub use inspect::{Issue, claims, index_build, index_show, ucan_issue, ucan_show};
#[cfg(feature = "sandbox")]
pub use local::{sandbox_seed, sandbox_start, sandbox_status};
pub use reports::{
    AuditReport, Audited, Ended, Face, InitReport, InitTable, RunReport, SetupReport, SetupShare,
};
pub use trouble::{Kind, Trouble};
