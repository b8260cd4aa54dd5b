//! The commands, each with its arguments and its way from settings to an exit code.

pub(super) mod blobs;
pub(super) mod completions;
pub(super) mod config;
pub(super) mod ctl;
#[cfg(feature = "sandbox")]
pub(super) mod demo;
pub(super) mod explain;
pub(super) mod init;
pub(super) mod inspect;
pub(super) mod migrate;
pub(super) mod monitor;
pub(super) mod retry;
pub(super) mod rollback;
#[cfg(feature = "sandbox")]
pub(super) mod sandbox;
pub(super) mod setup;
pub(super) mod verify;
