//! The one composition root: configuration to parts; spawn; drain.

mod commands;
#[cfg(feature = "sandbox")]
mod local;
mod reports;
mod trouble;

/// Tells a running command to drain, to abort, or to end.
pub use crate::runtime::Stop;
pub use commands::{
    claims, demo, explain, init, init_template, migrate, monitor, retry, setup, verify,
};
#[cfg(feature = "sandbox")]
pub use local::{sandbox_seed, sandbox_start, sandbox_status};
pub use reports::{
    AuditReport, Audited, Ended, Face, InitReport, InitTable, RunReport, SetupReport, SetupShare,
};
pub use trouble::{Kind, Trouble};
