//! One function per command of the command line.

use anyhow::{Result, bail};
use serde_json::Value;

use super::{AuditReport, Face, RunReport, Stop};
use crate::config::{Settings, options};

/// Runs the uploads migration on this instance.
pub async fn migrate(
    _settings: &Settings,
    _options: options::Migrate,
    _stop: Stop,
    _face: Face,
) -> Result<RunReport> {
    bail!("migrate: not wired yet")
}

/// Audits without a mutating call.
pub async fn verify(
    _settings: &Settings,
    _options: options::Verify,
    _stop: Stop,
    _face: Face,
) -> Result<AuditReport> {
    bail!("verify: not wired yet")
}

/// Steps the failed items again.
pub async fn retry(
    _settings: &Settings,
    _options: options::Retry,
    _stop: Stop,
    _face: Face,
) -> Result<RunReport> {
    bail!("retry failed items: not wired yet")
}

/// Everything known of one upload or space.
pub async fn explain(_settings: &Settings, _options: options::Explain) -> Result<Value> {
    bail!("explain: not wired yet")
}

/// The whole main job on the local network; gives the summary.
pub async fn demo(_settings: &Settings, _options: options::Demo, _stop: Stop) -> Result<Value> {
    bail!("run the demonstration: not wired yet")
}
