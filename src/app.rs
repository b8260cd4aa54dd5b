//! The one composition root: configuration to parts; spawn; drain.

mod commands;
mod reports;
mod trouble;

pub use commands::{
    claims, demo, explain, init, init_template, migrate, monitor, retry, sandbox_seed,
    sandbox_start, sandbox_status, setup, verify,
};
pub use reports::{
    AuditReport, Audited, Ended, Face, InitReport, InitTable, RunReport, SetupReport, SetupShare,
};
pub use trouble::{Kind, Trouble};

/// Tells a running command to drain, to abort, or to end.
pub type Stop = tokio_util::sync::CancellationToken;
