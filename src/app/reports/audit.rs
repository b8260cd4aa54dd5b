//! What an audit found.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::Serialize;

use crate::model::{
    Ended, Finding, RunId, StateIdentity, StepName, StepPlan, Verdict, VerdictCounts,
};

/// What an audit found.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct AuditReport {
    /// The tables whose units it checked.
    pub state: StateIdentity,
    /// Its id, a part of the name of its report.
    pub run: RunId,
    /// The stopped audit that it went on with; its verdicts are among these.
    pub resumes: Option<RunId>,
    /// What it was about.
    pub scope: String,
    /// How it ended.
    pub ended: Ended,
    /// Items by verdict.
    pub verdicts: VerdictCounts,
    /// What a run would do, by step.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub would: BTreeMap<StepName, StepPlan>,
    /// Items that were listed. If it finished, as many as there are verdicts; else something is amiss, and it does not
    /// exit with 0.
    pub listed: u64,
    /// Items in scope: as they were counted beforehand, and as listed in units that were listed.
    pub expected: Option<u64>,
    /// Units in scope.
    #[serde(rename = "spaces")]
    pub units: u64,
    /// Units that were checked from the first item to the last.
    #[serde(rename = "spaces_whole")]
    pub units_whole: u64,
    /// Units that could not be listed to their end.
    pub unlisted: u64,
    /// The first of them.
    #[serde(rename = "unlisted_spaces")]
    pub unlisted_units: Vec<UnlistedUnit>,
    /// The first items that are not right or could not be judged.
    #[serde(rename = "uploads")]
    pub items: Vec<AuditedItem>,
    /// What was not checked.
    pub not_checked: Vec<String>,
    /// Wall time.
    pub seconds: f64,
    /// The whole report, a JSON object a line.
    pub file: Option<PathBuf>,
    /// Names of items that were asked for and are in none of the units that were, as they were typed.
    #[serde(rename = "unknown_roots")]
    pub unknown_items: Vec<String>,
}

impl AuditReport {
    /// Whether every item that was listed has its verdict.
    #[must_use]
    pub fn adds_up(&self) -> bool {
        self.listed == self.verdicts.total()
    }
}

/// A unit that could not be listed beyond some item.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct UnlistedUnit {
    /// Its owner.
    #[serde(rename = "customer")]
    pub owner: String,
    /// The unit.
    #[serde(rename = "space")]
    pub unit: String,
    /// The last item that was listed.
    pub after: Option<String>,
    /// Why it could not be listed.
    pub failure: String,
}

/// One item that is not right, or that could not be judged.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AuditedItem {
    /// Its owner.
    #[serde(rename = "customer")]
    pub owner: String,
    /// Its unit.
    #[serde(rename = "space")]
    pub unit: String,
    /// The item.
    #[serde(rename = "root")]
    pub item: String,
    /// The worst of its findings.
    pub verdict: Verdict,
    /// What is missing or wrong, and the step that puts it right.
    pub findings: Vec<Finding>,
    /// Why it could not be judged, or cannot be put right.
    pub failure: Option<String>,
}
