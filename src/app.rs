//! The one composition root: configuration to parts; spawn; drain.

mod commands;
mod inspect;
#[cfg(feature = "sandbox")]
mod local;
mod reports;
pub mod setup;
mod tables;
mod trouble;

/// Tells a running command to drain, to abort, or to end.
pub use crate::runtime::{Degree, Stop, Tasks};
pub use commands::{demo, explain, migrate, retry, verify};
pub use inspect::{Issue, claims, index_build, index_show, ucan_issue, ucan_show};
#[cfg(feature = "sandbox")]
pub use local::{sandbox_seed, sandbox_start, sandbox_status};
pub use reports::{
    AuditReport, Audited, Ended, Face, InitReport, InitTable, RunReport, SetupReport, SetupShare,
};
pub use tables::{init, init_template, monitor, setup};
pub use trouble::{Kind, Trouble};
