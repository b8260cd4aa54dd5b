//! The whole migration from the fleet rows, and from the customer rows as far as a few pages go.

use std::collections::{BTreeMap, BTreeSet};

use super::control;
use super::eta::eta;
use super::view::{Alive, InstanceLine, Overview, PlanLine, Totals};
use crate::model::{Counts, InstanceReport, PlanSummary};
use crate::state::rows::stamp;
use crate::state::{Error, Store};

/// Pages of customer rows that an overview reads: with fleet and control rows it stays within 20 requests.
const CUSTOMER_PAGES: u32 = 15;

/// An instance that did not report for so long should have.
pub(super) const SILENT_AFTER_MS: u64 = 60_000;

/// Reads the overview.
pub(super) async fn overview(store: &Store, now: u64) -> Result<Overview, Error> {
    let (all, totals, standing, plan) = futures::try_join!(
        store.fleet(),
        totals(store),
        store.standing(),
        store.current_plan()
    )?;
    let line = |report: &InstanceReport| instance(report, plan.as_ref(), now);
    let instances: Vec<InstanceLine> = all.iter().map(line).collect();
    // Shares of another plan hold what others were given since.
    let fleet: Vec<InstanceReport> = all
        .into_iter()
        .filter(|report| is_of(report, plan.as_ref()))
        .collect();
    let mut reasons = BTreeMap::new();
    for (reason, number) in fleet.iter().flat_map(|report| &report.reasons) {
        *reasons.entry(*reason).or_default() += number;
    }
    let counts = counts(&fleet);
    let running = instances.iter().filter(|line| line.alive == Alive::Yes);
    let items_per_minute = running.fold(0.0, |sum, line| sum + line.items_per_minute);
    Ok(Overview {
        at: stamp(now),
        eta: eta(counts.left(), items_per_minute),
        counts,
        totals,
        items_per_minute,
        reasons,
        instances,
        plan: plan.as_ref().map(PlanLine::of),
        asked: standing.iter().filter_map(control::asked).collect(),
    })
}

/// Counters over all instances: each knows its own share, and of what helpers did in it as much as it has met. The
/// rest is added, as long as its row does not tell of it: an instance that died never meets it.
fn counts(fleet: &[InstanceReport]) -> Counts {
    let mut counts: Counts = fleet.iter().map(|report| report.counts).sum();
    let planned = counts.planned;
    let owners: BTreeSet<_> = fleet
        .iter()
        .flat_map(|report| report.helped.keys())
        .collect();
    for owner in owners {
        let helped = fleet.iter().filter_map(|report| report.helped.get(owner));
        let known = fleet.iter().find(|report| report.instance == *owner);
        let known = known.map_or(Counts::default(), |report| report.elsewhere);
        counts = counts.plus(&helped.copied().sum::<Counts>().without(&known));
    }
    counts.planned = planned.max(counts.settled());
    counts
}

async fn totals(store: &Store) -> Result<Totals, Error> {
    let (rows, whole) = store.first_customers(CUSTOMER_PAGES).await?;
    let mut totals = Totals {
        whole,
        ..Totals::default()
    };
    for row in rows {
        *totals.customers.entry(row.status).or_default() += 1;
        totals.spaces += row.total_spaces;
        totals.spaces_completed += row.completed_spaces;
        totals.uploads += row.total_uploads;
        totals.uploads_completed += row.completed_uploads;
    }
    Ok(totals)
}

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
    now: u64,
) -> InstanceLine {
    let run = report.run.as_str();
    let spoke = report.heartbeat_at > 0;
    let age = now.saturating_sub(report.heartbeat_at);
    InstanceLine {
        instance: report.instance.to_string(),
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
        heartbeat_age_seconds: spoke.then_some(age / 1_000),
        counts: report.counts,
        reasons: report.reasons.clone(),
        spaces: report.units_planned,
        spaces_settled: report.units_settled,
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

/// Whether an instance runs at `now` (Unix milliseconds), by its last report.
#[must_use]
pub fn is_alive(report: &InstanceReport, now: u64) -> bool {
    alive(report, now) == Alive::Yes
}

/// Whether an instance is there, by its last report.
pub(super) fn alive(report: &InstanceReport, now: u64) -> Alive {
    match report.state.as_str() {
        _ if report.heartbeat_at == 0 => Alive::Never,
        "ended" => Alive::Ended,
        _ if now.saturating_sub(report.heartbeat_at) > SILENT_AFTER_MS => Alive::Silent,
        _ => Alive::Yes,
    }
}
