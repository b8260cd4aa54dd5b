//! What commands print of a run.

use std::path::PathBuf;

use super::reports::{ALICE, PLAN, REPORTS, RUN, SPACE, state};
use crate::app::{Ended, LegacyFinding, RunFindings, RunReport};
use crate::cli::commands::migrate;
use crate::model::{
    Counts, InstanceId, PlanId, Reason, RunId, StepCounts, StepName, StepPlan, VerdictCounts,
};
use crate::monitor::Totals;

fn counts(done: u64, found: u64, quarantined: u64, planned: u64) -> Counts {
    Counts {
        done,
        found,
        quarantined,
        ..Counts::planned(planned)
    }
}

fn totals() -> Totals {
    let mut totals = Totals {
        counts: counts(96, 3, 1, 400),
        live: true,
        adds_up: true,
        ..Totals::default()
    };
    (totals.units.completed, totals.units.failed) = (3, 1);
    (totals.units.in_progress, totals.units.pending) = (1, 6);
    totals
}

fn run() -> RunReport {
    RunReport {
        run: Some(RunId::new(RUN)),
        plan: Some(PlanId::new(PLAN)),
        state: state(),
        this_run: counts(12, 0, 0, 12),
        counts: counts(96, 3, 1, 160),
        totals: Some(totals()),
        seconds: 41.0,
        unfinished: 2,
        failures: [(Reason::new("MISSING_BLOB"), 1)].into(),
        files: vec![PathBuf::from("migration-state/instance-1-journal.ndjson")],
        ..RunReport::default()
    }
}

#[track_caller]
fn holds(name: &str, report: &RunReport) {
    let typed = "sterna migrate --customers-file migration-state/instance-1-customers.json";
    REPORTS.holds(name, &migrate::lines(report, typed));
}

#[test]
fn stopped_runs_read_as_they_were_reviewed() {
    let stopped = |reason: &str| Ended::Stopped {
        reason: reason.to_owned(),
        aborted: false,
    };
    holds(
        "migrate-limit",
        &RunReport {
            ended: Ended::Limit,
            ..run()
        },
    );
    holds(
        "migrate-ctrl-c",
        &RunReport {
            ended: stopped("SIGINT"),
            helped: [(InstanceId::new("2"), counts(4, 0, 0, 4))].into(),
            own: RunFindings {
                unverified_blocks: 1,
                ..RunFindings::default()
            },
            ..run()
        },
    );
}

#[test]
fn whole_runs_read_as_they_were_reviewed() {
    holds(
        "migrate-finished",
        &RunReport {
            this_run: counts(156, 3, 1, 160),
            counts: counts(156, 3, 1, 160),
            unfinished: 0,
            units_without_row: 1,
            ..run()
        },
    );
    holds(
        "migrate-service-down",
        &RunReport {
            ended: Ended::Trouble {
                reason: "DynamoDB was unreachable for 60 s".to_owned(),
            },
            ..run()
        },
    );
    let differences = vec![
        LegacyFinding {
            customer: ALICE.to_owned(),
            space: Some(SPACE.to_owned()),
            found: "left in-progress with 3 of 9".to_owned(),
            done: "processed again: completed, 9 migrated".to_owned(),
            needs_a_look: false,
        },
        LegacyFinding {
            customer: ALICE.to_owned(),
            space: None,
            found: "a migration space that lacks its key".to_owned(),
            done: "kept: nothing can be stored in it without its key, and no second one is created"
                .to_owned(),
            needs_a_look: true,
        },
    ];
    holds(
        "migrate-takeover",
        &RunReport {
            own: RunFindings {
                differences,
                ..RunFindings::default()
            },
            ..run()
        },
    );
}

#[test]
fn retries_read_as_they_were_reviewed() {
    let report = RunReport {
        plan: None,
        this_run: counts(1, 0, 1, 2),
        counts: counts(1, 0, 1, 2),
        unfinished: 0,
        seconds: 0.4,
        unknown_items: vec!["bafyone".to_owned(), "QmTwo".to_owned()],
        ..run()
    };
    REPORTS.holds("retry", &migrate::lines(&report, "sterna retry --failed"));
}

#[test]
fn dry_runs_and_single_steps_read_as_they_were_reviewed() {
    let plan = |effects, bytes_to_read| StepPlan {
        effects,
        bytes_to_read,
    };
    let names = crate::app::uploads_vocabulary()
        .steps
        .iter()
        .map(|step| step.name.clone());
    let steps = [plan(1, 0), plan(52, 8_700_000), plan(52, 0), plan(118, 0)];
    let report = RunReport {
        dry_run: true,
        verdicts: Some(VerdictCounts {
            ok: 8,
            missing: 52,
            ..VerdictCounts::default()
        }),
        would: names.zip(steps).collect(),
        own: RunFindings {
            ended_spaces: 1,
            withheld_spaces: 2,
            ..RunFindings::default()
        },
        seconds: 2.5,
        ..RunReport::default()
    };
    let lines = migrate::lines(&report, "sterna migrate --space did:key:z6Mk… --dry-run");
    REPORTS.holds("migrate-dry-run", &lines);

    let name = StepName::from("gateway-auth".to_owned());
    let spaces = StepCounts {
        applied: 4,
        found: 1,
        failed: [(Reason::new("MISSING_DELEGATION"), 1)].into(),
    };
    let report = RunReport {
        only: Some("gateway-auth"),
        steps: [(name, spaces)].into(),
        totals: None,
        unfinished: 0,
        failures: std::collections::BTreeMap::default(),
        ..run()
    };
    let lines = migrate::lines(&report, "sterna migrate --test-gateway-auth --limit all");
    REPORTS.holds("migrate-test-gateway-auth", &lines);
}
