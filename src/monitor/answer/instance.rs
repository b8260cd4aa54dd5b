//! One instance: what it reported last, and whether it is there.

use std::time::Duration;

use crate::model::{InstanceReport, PlanSummary, UnixMillis};
use crate::monitor::view::{Alive, InstanceLine};
use crate::state::rows::stamp;

/// An instance that did not report for so long should have.
const SILENT_AFTER: Duration = Duration::from_mins(1);

/// Whether what an instance reports is a part of the plan in force, or of none.
fn is_of(report: &InstanceReport, plan: Option<&PlanSummary>) -> bool {
    match (&report.plan, plan) {
        (Some(own), Some(plan)) => *own == plan.id,
        _ => true,
    }
}

/// One row of the list of instances.
pub(super) fn instance(
    report: &InstanceReport,
    plan: Option<&PlanSummary>,
    now: UnixMillis,
) -> InstanceLine {
    let run = report.run.as_str();
    let spoke = report.heartbeat_at > UnixMillis::ZERO;
    let age = now.since(report.heartbeat_at);
    InstanceLine {
        instance: report.instance.to_string(),
        folder: report.folder.as_ref().map(ToString::to_string),
        state: report.state.clone(),
        alive: alive(report, now),
        run: (!run.is_empty()).then(|| run.to_owned()),
        plan: report.plan.as_ref().map(ToString::to_string),
        plan_in_force: is_of(report, plan),
        note: report.note.clone(),
        host: report.host.clone(),
        pid: report.pid,
        program: report.version.clone(),
        heartbeat_at: spoke.then(|| stamp(report.heartbeat_at)),
        heartbeat_age_seconds: spoke.then_some(age.as_secs()),
        share: None,
        counts: report.counts,
        reasons: report.reasons.clone(),
        units: report.units_planned,
        units_settled: report.units_ended,
        in_flight: report.in_flight,
        concurrency: report.concurrency,
        begun_per_minute_at_most: report.rate,
        helped: report
            .helped
            .iter()
            .map(|(owner, counts)| (owner.to_string(), *counts))
            .collect(),
        items_per_minute: report.items_per_minute,
        throttles: report.throttles.clone(),
        warnings: report.warnings.clone(),
    }
}

/// Whether an instance runs at `now`, by its last report.
#[must_use]
pub fn is_alive(report: &InstanceReport, now: UnixMillis) -> bool {
    alive(report, now) == Alive::Yes
}

/// Whether an instance is there, by its last report.
pub(super) fn alive(report: &InstanceReport, now: UnixMillis) -> Alive {
    match report.state.as_str() {
        _ if report.heartbeat_at == UnixMillis::ZERO => Alive::Never,
        "ended" => Alive::Ended,
        _ if now.since(report.heartbeat_at) > SILENT_AFTER => Alive::Silent,
        _ => Alive::Yes,
    }
}
