//! What commands print when they have done their work.

use std::path::PathBuf;

use serde_json::json;

use super::Stored;
use crate::app::{
    AuditReport, AuditedItem, ControlReport, Ended, InitReport, InitTable, Listed, PlanReport,
    RollbackPlan, RollbackReport, SetupReport, SetupShare, UnaccountedUnit, UnlistedUnit,
};
use crate::cli::commands::{ctl, init, rollback, setup, verify};
use crate::cli::output;
use crate::model::{Finding, RunId, StateIdentity, StepName, Verdict, VerdictCounts};
use crate::monitor::PlanLine;

pub(super) const REPORTS: Stored = Stored::of("reports");

pub(super) const RUN: &str = "6c1f0b52-6a47-4e6c-9c37-0d5a3a3f9a11";
pub(super) const PLAN: &str = "1f3a9c20b7d4e8150000000000000000";
pub(super) const ALICE: &str = "did:mailto:example.com:alice";
pub(super) const SPACE: &str = "did:key:z6MkmdJyJJWEX2X7Bwq3C8k512Y7kCBnzUKEg47RXbWf5vpF";
pub(super) const ROOT: &str = "bafybeia4x32auzcufjnigqzraljyg6emkznboyg535eqadxyne2mz5tjqq";

pub(super) fn state() -> StateIdentity {
    StateIdentity {
        id: Some("9f1c2d3e".to_owned()),
        ..StateIdentity::new("local", "local-migration-progress")
    }
}

fn stopped_audit() -> AuditReport {
    let finding = |step: &str, verdict, why: &str| Finding {
        step: StepName::from(step.to_owned()),
        subject: ROOT.to_owned(),
        verdict,
        why: why.to_owned(),
        bytes: None,
    };
    let missing = "no index is registered";
    AuditReport {
        state: state(),
        run: RunId::new(RUN),
        resumes: None,
        scope: "plan 1f3a9c20 of instance 1".to_owned(),
        ended: Ended::Stopped {
            reason: "SIGTERM".to_owned(),
            aborted: false,
        },
        verdicts: VerdictCounts {
            ok: 37,
            wrong: 1,
            missing: 1,
            could_not_tell: 1,
        },
        would: std::collections::BTreeMap::default(),
        listed: 40,
        expected: Some(80),
        units: 12,
        units_whole: 5,
        unlisted: 1,
        unlisted_units: vec![UnlistedUnit {
            owner: ALICE.to_owned(),
            unit: SPACE.to_owned(),
            after: Some(ROOT.to_owned()),
            failure: "COULD_NOT_TELL: list uploads: no answer within 10000 ms".to_owned(),
        }],
        items: vec![AuditedItem {
            owner: ALICE.to_owned(),
            unit: SPACE.to_owned(),
            item: ROOT.to_owned(),
            verdict: Verdict::Missing,
            findings: vec![
                finding("store-index", Verdict::Missing, missing),
                finding("register-index", Verdict::Missing, missing),
            ],
            failure: Some("MISSING_BLOB: shard bagb… is at none of its addresses".to_owned()),
        }],
        not_checked: vec!["the bytes of shards and indexes (use --deep)".to_owned()],
        seconds: 0.9,
        file: Some(PathBuf::from(
            "migration-state/instance-1-audit-6c1f.ndjson",
        )),
        unknown_items: Vec::new(),
    }
}

#[test]
fn audits_read_as_they_were_reviewed() {
    let report = stopped_audit();
    let typed = "sterna verify --customers-file migration-state/instance-1-customers.json";
    REPORTS.holds("verify-stopped", &verify::lines(&report, typed));
    let report = AuditReport {
        ended: Ended::Finished,
        verdicts: VerdictCounts {
            ok: 80,
            ..VerdictCounts::default()
        },
        resumes: Some(RunId::new("5b0e")),
        listed: 80,
        units_whole: 12,
        unlisted: 0,
        unlisted_units: Vec::new(),
        items: Vec::new(),
        ..report
    };
    REPORTS.holds("verify-resumed", &verify::lines(&report, typed));
}

#[test]
fn rollbacks_read_as_they_were_reviewed() {
    let listed = |kind: &str, effects, undone, leaves: &str| Listed {
        kind: kind.to_owned(),
        effects,
        undone,
        leaves: leaves.to_owned(),
    };
    let plan = RollbackPlan {
        stays: vec![listed(
            "claim-published",
            60,
            false,
            "published claims and their adverts in IPNI cannot be withdrawn",
        )],
        undone: vec![listed(
            "index-stored",
            23,
            true,
            "the storage node keeps the bytes and its location claim; the bill keeps both entries",
        )],
        units: 6,
        unaccounted: vec![UnaccountedUnit {
            owner: ALICE.to_owned(),
            unit: SPACE.to_owned(),
            items: 1,
        }],
        runs: vec![format!("{RUN}: 112 effects, instance 1, plan 1f3a9c20")],
        ..RollbackPlan::default()
    };
    let typed = "sterna rollback --customer alice@example.com";
    let report = RollbackReport {
        dry_run: true,
        would_be_refused: true,
        plan: plan.clone(),
        ..RollbackReport::default()
    };
    let lines = rollback::lines(&report, &format!("{typed} --dry-run"));
    REPORTS.holds("rollback-dry-run", &lines);
    let report = RollbackReport {
        run: Some(RunId::new(RUN)),
        plan,
        undone: [("index-stored".to_owned(), 22)].into(),
        gone: 1,
        kept: 1,
        failed: 1,
        units: 1,
        seconds: 3.2,
        ..RollbackReport::default()
    };
    REPORTS.holds("rollback", &rollback::lines(&report, typed));
}

#[test]
fn plans_read_as_they_were_reviewed() {
    let share = |instance, file: Option<&str>| SetupShare {
        instance,
        customers: 3,
        spaces: 7,
        uploads: 40,
        file: file.map(PathBuf::from),
    };
    let report = SetupReport {
        plan: PlanReport {
            id: PLAN.to_owned(),
            was_in_force: false,
            replaces: Some(PlanLine {
                id: "a8bb9ca4".to_owned(),
                made_at: "2026-11-28T04:10:59.415Z".to_owned(),
                made_by: "ann@host".to_owned(),
                shaped_by: "--instances 3".to_owned(),
                instances: 3,
                owners: 5,
                units: 12,
                items: 80,
            }),
            units_moved: 2,
            units_new: 1,
            units_left_out: 0,
        },
        state: state(),
        customers: 6,
        spaces: 14,
        uploads: 80,
        instances: vec![
            share(1, Some("migration-state/instance-1-customers.json")),
            share(2, Some("migration-state/instance-2-customers.json")),
        ],
        spread_percent: 0.0,
        notes: vec!["1 space is left out by the filter: did:key:z6Mk…".to_owned()],
        differences: Vec::new(),
        analyzed_only: false,
    };
    let typed = "sterna setup --instances 2";
    REPORTS.holds("setup", &setup::rows(&report, typed));
    let report = SetupReport {
        plan: PlanReport {
            was_in_force: true,
            replaces: None,
            ..report.plan
        },
        instances: vec![share(1, None)],
        analyzed_only: true,
        ..report
    };
    let lines = setup::rows(&report, &format!("{typed} --analyze"));
    REPORTS.holds("setup-analyze", &lines);
}

#[test]
fn small_reports_read_as_they_were_reviewed() {
    let report = InitReport {
        dry_run: false,
        state: Some(state()),
        tables: vec![
            InitTable {
                table: "local-migration-customers".to_owned(),
                created: true,
                missing_indexes: Vec::new(),
            },
            InitTable {
                table: "local-migration-progress".to_owned(),
                created: false,
                missing_indexes: Vec::new(),
            },
        ],
    };
    REPORTS.holds("init", &init::rows(&report, "sterna init"));
    let report = ControlReport {
        dry_run: false,
        scope: "fleet".to_owned(),
        wish: "pause".to_owned(),
        by: "ann@host".to_owned(),
        why: "deploy".to_owned(),
        holds: Some("paused".to_owned()),
        running: vec!["1".to_owned(), "2".to_owned()],
        notes: Vec::new(),
    };
    REPORTS.holds("ctl-pause", &ctl::lines(&report, "sterna ctl pause"));
    let report = ControlReport {
        wish: "resume".to_owned(),
        holds: None,
        running: Vec::new(),
        ..report
    };
    REPORTS.holds("ctl-resume", &ctl::lines(&report, "sterna ctl resume"));
    let report = ControlReport {
        dry_run: true,
        ..report
    };
    REPORTS.holds("ctl-dry-run", &ctl::lines(&report, "sterna ctl resume"));
}

#[test]
fn an_explanation_reads_as_it_was_reviewed() {
    let known = json!({
        "found": [{
            "customer": ALICE,
            "space": SPACE,
            "differs": ["the row says completed, a check now says missing"],
            "failures": [],
            "look": {"verdict": "missing", "findings": [{"step": "store-index", "why": "no index is registered"}]},
            "row": {"status": "completed", "counts": {"planned": 13, "done": 13}},
            "upload": ROOT,
            "verdict": "missing",
        }],
        "unknown_roots": [],
    });
    REPORTS.holds("explain", &output::outline(&known));
}
