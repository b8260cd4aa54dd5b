//! What an instance reports about itself.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{
    Counts, FolderId, Holder, InstanceId, MigrationName, PlanId, Reason, RunId, UnixMillis,
};

/// What throttles calls to a service, as data for displays.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Throttle {
    /// The outside service.
    pub dependency: String,
    /// Calls allowed at once now.
    pub limit: u32,
    /// Why it is below what was configured.
    pub reason: String,
    /// While it is down: seconds until the next try.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_seconds: Option<u64>,
}

/// What the operator limits.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Limits {
    /// Items that may start per minute; `None` is no limit.
    pub rate: Option<u32>,
    /// All limits in words, with who set them.
    pub words: Vec<String>,
}

/// The severity of a warning.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// An operator should look.
    Warning,
    /// The run stops.
    Critical,
}

impl std::fmt::Display for Level {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Warning => "warning",
            Self::Critical => "critical",
        })
    }
}

/// A warning about the health of a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Warning {
    /// The severity.
    pub level: Level,
    /// What is wrong.
    pub what: String,
    /// What to do about it.
    pub action: String,
}

/// A fleet row: the last report of one instance.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct InstanceReport {
    /// The instance.
    pub instance: InstanceId,
    /// Its state folder; `None` for what `setup` assigned, and in older rows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub folder: Option<FolderId>,
    /// Its run.
    pub run: RunId,
    /// The migration.
    pub migration: MigrationName,
    /// The machine.
    pub host: String,
    /// The process.
    pub pid: u32,
    /// The program's version.
    pub version: String,
    /// The plan that its scope is part of; `None` without a plan.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plan: Option<PlanId>,
    /// When the run started.
    pub started_at: UnixMillis,
    /// When this was written.
    pub heartbeat_at: UnixMillis,
    /// `running`, `paused`, `draining`, `ended`.
    pub state: String,
    /// Why it is paused or draining.
    pub note: Option<String>,
    /// Counters of this run's scope.
    pub counts: Counts,
    /// Bad items in scope, by reason.
    #[serde(default)]
    pub reasons: BTreeMap<Reason, u64>,
    /// Items that this run settled for other instances, by instance. Not part of `counts`.
    #[serde(default)]
    pub helped: BTreeMap<InstanceId, Counts>,
    /// The part of `counts` that other instances settled.
    #[serde(default)]
    pub elsewhere: Counts,
    /// Units in scope.
    pub units_planned: u64,
    /// Those that have ended.
    #[serde(rename = "units_settled")]
    pub units_ended: u64,
    /// Items in flight.
    pub in_flight: u64,
    /// Items settled per minute, recently.
    pub items_per_minute: f64,
    /// Items allowed in flight.
    pub concurrency: u32,
    /// Items that may start per minute; `None` is no limit.
    #[serde(default)]
    pub rate: Option<u32>,
    /// What throttles it.
    pub throttles: Vec<Throttle>,
    /// Warnings about its health.
    #[serde(default)]
    pub warnings: Vec<Warning>,
}

impl InstanceReport {
    /// The lease holder that reports.
    #[must_use]
    pub fn holder(&self) -> Holder {
        Holder {
            instance: self.instance.clone(),
            folder: self.folder.clone(),
        }
    }
}
