//! The commands of the uploads migration: scopes of customers and spaces, and what comes before a run.
//!
//! | | what |
//! |---|---|
//! | `commands` | one file per command |
//! | `scope` | from what an operator asked for to spaces and uploads |
//! | `setup` | counting and distributing |
//! | `session`, `workload` | uploads as every session wants a migration |
//! | `reports` | what reports say of uploads alone |
//! | `preflight`, `sample`, `takeover` | what comes before a run |

mod commands;
mod preflight;
mod reports;
mod sample;
mod scope;
mod session;
mod setup;
mod takeover;
mod workload;

pub use commands::{explain, migrate, retry, rollback, verify};
pub use preflight::{Reliance, preflight};
pub use reports::{LegacyFinding, RunFindings, RunReport, SetupReport, SetupShare, gateway_first};
pub use setup::setup;
pub use workload::uploads_vocabulary;
