//! What a run did.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::Serialize;

use crate::model::{
    Counts, Ended, InstanceId, PlanId, Reason, RunId, StateIdentity, StepCounts, StepName,
    StepPlan, VerdictCounts, each_shown, shown,
};
use crate::monitor::Totals;

/// What a `migrate` or `retry` process did.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct RunReport<F = ()> {
    /// The one group of steps that it was to make; `None` for all of them.
    pub only: Option<&'static str>,
    /// Nothing was to be done: `would` says what a run would do, `verdicts` what was found.
    pub dry_run: bool,
    /// What a run would do, by step, as far as looking tells.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub would: BTreeMap<StepName, StepPlan>,
    /// Items by what a dry run found.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub verdicts: Option<VerdictCounts>,
    /// What this run did, by step.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub steps: BTreeMap<StepName, StepCounts>,
    /// Its id, for `rollback --run`; `None` when nothing was to be done.
    pub run: Option<RunId>,
    /// The plan that its scope is a part of; `None` for a scope of no plan.
    pub plan: Option<PlanId>,
    /// The tables that it worked on.
    pub state: StateIdentity,
    /// How it ended.
    pub ended: Ended,
    /// What this run settled, for other instances too; `planned` is their sum.
    #[serde(serialize_with = "shown")]
    pub this_run: Counts,
    /// Items of the scope by outcome, as earlier runs and this one left them. The scope of a retry is the items that it
    /// tried again.
    #[serde(serialize_with = "shown")]
    pub counts: Counts,
    /// Units with work left; none in a run over single items. Of a unit that nobody counted, `counts` does not know what
    /// is left.
    pub unfinished: u64,
    /// Items settled to help other instances, by instance; no part of `counts`, a part of `this_run`.
    #[serde(serialize_with = "each_shown")]
    pub helped: BTreeMap<InstanceId, Counts>,
    /// Failed, quarantined and unknown items of the scope, by reason code.
    pub failures: BTreeMap<Reason, u64>,
    /// How far everything is, whoever did it: the sum of all progress rows. `None` if it could not be told, or if
    /// nothing was to be done.
    pub totals: Option<Totals>,
    /// Units of the plan in force that have no row, and are in no number of `totals`.
    #[serde(rename = "spaces_without_row")]
    pub units_without_row: u64,
    /// Wall time.
    pub seconds: f64,
    /// Where the checkpoint and the journal lie.
    pub files: Vec<PathBuf>,
    /// Names of items that were asked for and are in none of the units that were, as they were typed.
    #[serde(rename = "unknown_roots")]
    pub unknown_items: Vec<String>,
    /// What only the migration says.
    #[serde(flatten)]
    pub own: F,
}
