//! What an instance says of itself.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{
    Counts, FolderId, Holder, InstanceId, MigrationName, PlanId, Reason, RunId, UnixMillis,
};

/// Why and how much a run is held back: a value, so that it can be shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Throttle {
    /// The outside service.
    pub dependency: String,
    /// Calls allowed at once now.
    pub limit: u32,
    /// Why it is below what was configured.
    pub reason: String,
    /// While it is down: seconds until it is tried again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_seconds: Option<u64>,
}

/// What the operator limits.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Limits {
    /// Items that may be begun a minute; `None` is no limit.
    pub rate: Option<u32>,
    /// All limits in words, with who asked for them.
    pub words: Vec<String>,
}

/// How bad what was noticed is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// Somebody should look.
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

/// Something that a run noticed of its own health.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Warning {
    /// How bad.
    pub level: Level,
    /// What was noticed.
    pub what: String,
    /// What to do about it.
    pub action: String,
}

/// A fleet row: one instance, as it last reported.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct InstanceReport {
    /// The instance.
    pub instance: InstanceId,
    /// The state folder that it works in; `None` for what `setup` assigned, and in older rows.
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
    /// The plan that its scope is a part of; `None` for a scope of no plan.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plan: Option<PlanId>,
    /// When the run began.
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
    /// Items settled in this run to help other instances, by whose they were. No part of `counts`.
    #[serde(default)]
    pub helped: BTreeMap<InstanceId, Counts>,
    /// The part of `counts` that other instances settled.
    #[serde(default)]
    pub elsewhere: Counts,
    /// Units in scope, and settled.
    pub units_planned: u64,
    /// See `units_planned`.
    pub units_settled: u64,
    /// Items in flight.
    pub in_flight: u64,
    /// Items settled a minute, over the last minutes.
    pub items_per_minute: f64,
    /// Items allowed in flight.
    pub concurrency: u32,
    /// Items that may be begun a minute; `None` is no limit.
    #[serde(default)]
    pub rate: Option<u32>,
    /// What holds it back.
    pub throttles: Vec<Throttle>,
    /// What it noticed of its own health.
    #[serde(default)]
    pub warnings: Vec<Warning>,
}

impl InstanceReport {
    /// Who reports.
    #[must_use]
    pub fn holder(&self) -> Holder {
        Holder {
            instance: self.instance.clone(),
            folder: self.folder.clone(),
        }
    }
}
