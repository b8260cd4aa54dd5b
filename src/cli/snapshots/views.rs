//! What `monitor` and `ctl status` show.

use super::Stored;
use super::reports::{ALICE, PLAN, ROOT, RUN, SPACE};
use crate::app;
use crate::model::{Class, Counts, Level, Reason, Status, Throttle, Warning};
use crate::monitor::{
    Alive, AskedLine, Eta, FailureRows, FailureView, InstanceLine, InstanceView, Overview,
    OwnerView, Paint, PlanLine, Share, SplitLine, StuckLine, Totals, UnitLine, Verdict, View,
};

const VIEWS: Stored = Stored::of("views");
const AT: &str = "2026-11-28T04:11:49.148Z";

fn holds(name: &str, view: &View) {
    VIEWS.holds(name, &view.text(Paint::Plain, app::uploads_vocabulary()));
}

fn counts(done: u64, found: u64, quarantined: u64, planned: u64) -> Counts {
    Counts {
        done,
        found,
        quarantined,
        ..Counts::planned(planned)
    }
}

fn instance(number: &str, alive: Alive) -> InstanceLine {
    InstanceLine {
        instance: number.to_owned(),
        folder: Some("f1".to_owned()),
        state: "running".to_owned(),
        alive,
        run: Some(RUN.to_owned()),
        plan: Some(PLAN.to_owned()),
        plan_in_force: true,
        note: None,
        host: "host-1".to_owned(),
        pid: 4711,
        program: "0.1.0".to_owned(),
        heartbeat_at: Some(AT.to_owned()),
        heartbeat_age_seconds: Some(3),
        share: Some(Share {
            counts: counts(37, 5, 1, 160),
            units: 7,
            units_ended: 3,
        }),
        counts: counts(37, 5, 1, 160),
        reasons: [(Reason::new("MISSING_BLOB"), 1)].into(),
        units: 7,
        units_settled: 3,
        in_flight: 12,
        concurrency: 16,
        begun_per_minute_at_most: None,
        helped: std::collections::BTreeMap::default(),
        items_per_minute: 240.0,
        throttles: Vec::new(),
        warnings: Vec::new(),
    }
}

fn instances() -> Vec<InstanceLine> {
    let mut held = instance("2", Alive::Yes);
    held.throttles = vec![Throttle {
        dependency: "carpark".to_owned(),
        limit: 3,
        reason: "429".to_owned(),
        retry_seconds: None,
    }];
    held.begun_per_minute_at_most = Some(600);
    held.helped = [("1".to_owned(), counts(4, 0, 0, 4))].into();
    held.warnings = vec![Warning {
        level: Level::Warning,
        what: "less than 500 MB are free for migration-state".to_owned(),
        action: "free some space there".to_owned(),
    }];
    let mut superseded = instance("3", Alive::Silent);
    superseded.plan_in_force = false;
    superseded.heartbeat_age_seconds = Some(700);
    let mut ended = instance("4", Alive::Ended);
    ended.note = Some("SIGINT".to_owned());
    let mut never = instance("5", Alive::Never);
    (never.run, never.heartbeat_at, never.heartbeat_age_seconds) = (None, None, None);
    vec![instance("1", Alive::Yes), held, superseded, ended, never]
}

fn asked() -> Vec<AskedLine> {
    let line = |scope: &str, what: &str, why: &str| AskedLine {
        scope: scope.to_owned(),
        what: what.to_owned(),
        by: "ann@host".to_owned(),
        at: AT.to_owned(),
        why: why.to_owned(),
    };
    vec![
        line("fleet", "paused", "deploy"),
        line(
            "instance 2",
            "at most 600 uploads a minute per instance",
            "slow disk",
        ),
    ]
}

fn totals() -> Totals {
    let mut totals = Totals {
        as_of: AT.to_owned(),
        age_seconds: 40,
        counts: counts(96, 3, 1, 400),
        reasons: [(Reason::new("MISSING_BLOB"), 1)].into(),
        adds_up: true,
        ..Totals::default()
    };
    (totals.units.completed, totals.units.failed) = (3, 1);
    (totals.units.in_progress, totals.units.pending) = (1, 6);
    totals.owners.pending = 2;
    totals
}

fn overview() -> Overview {
    Overview {
        at: AT.to_owned(),
        totals: Some(totals()),
        failure_rows: Some(FailureRows {
            whole: true,
            reasons: [
                (Reason::new("MISSING_BLOB"), 1),
                (Reason::new("CORRUPT_CAR"), 2),
            ]
            .into(),
            note: Some("failed uploads: 3 listed, 1 counted".to_owned()),
        }),
        missing_tables: Vec::new(),
        items_per_minute: 480.0,
        eta: Some(Eta {
            from_seconds: 1_800,
            to_seconds: 3_000,
        }),
        held_back: vec!["instance 2: paused by ann@host: deploy".to_owned()],
        instances: instances(),
        plan: Some(PlanLine {
            id: PLAN.to_owned(),
            made_at: AT.to_owned(),
            made_by: "ann@host".to_owned(),
            shaped_by: "--instances 5".to_owned(),
            instances: 5,
            owners: 5,
            units: 11,
            items: 400,
        }),
        units_without_row: 1,
        asked: asked(),
    }
}

fn space() -> UnitLine {
    UnitLine {
        owner: ALICE.to_owned(),
        unit: SPACE.to_owned(),
        status: "in-progress".to_owned(),
        counts: counts(12, 0, 1, 20),
        reasons: [(Reason::new("MISSING_BLOB"), 1)].into(),
        instance: Some("1".to_owned()),
        held_by: Some("1".to_owned()),
        split: None,
        cursor: None,
        updated_at: Some(AT.to_owned()),
        error: Some("1 item needs attention: 1 MISSING_BLOB".to_owned()),
    }
}

fn failure(item: &str, reason: Reason) -> FailureView {
    FailureView {
        owner: ALICE.to_owned(),
        unit: SPACE.to_owned(),
        item: item.to_owned(),
        items: 1,
        step: Some("store-index".to_owned()),
        class: Class::Permanent,
        reason,
        message: "shard bagb… is at none of its addresses in the carparks".to_owned(),
        advice: app::uploads_vocabulary().reasons.advice(reason),
        attempts: 2,
        instance: "1".to_owned(),
        first_at: AT.to_owned(),
        last_at: AT.to_owned(),
    }
}

#[test]
fn the_overview_reads_as_it_was_reviewed() {
    holds("overview", &View::Overview(overview()));
    let nothing_yet = Overview {
        totals: None,
        failure_rows: None,
        items_per_minute: 0.0,
        eta: None,
        held_back: Vec::new(),
        instances: Vec::new(),
        plan: None,
        units_without_row: 0,
        asked: Vec::new(),
        missing_tables: vec!["local-migration-failures".to_owned()],
        ..overview()
    };
    holds("overview-nothing-yet", &View::Overview(nothing_yet));
    let mut uneven = overview();
    if let Some(totals) = &mut uneven.totals {
        totals.adds_up = false;
        totals.uneven = 1;
        totals.uneven_units = vec![format!("{ALICE} {SPACE}")];
        totals.counts.planned = 90;
    }
    holds("overview-does-not-add-up", &View::Overview(uneven));
}

#[test]
fn lists_read_as_they_were_reviewed() {
    let failures = vec![
        failure(ROOT, Reason::new("MISSING_BLOB")),
        failure("*", Reason::new("MISSING_DELEGATION")),
    ];
    holds(
        "failed",
        &View::Failed {
            at: AT.to_owned(),
            reasons: [
                (Reason::new("MISSING_BLOB"), 1),
                (Reason::new("MISSING_DELEGATION"), 1),
            ]
            .into(),
            failures: failures.clone(),
            unknown: None,
        },
    );
    let stuck = |verdict, because: &str, remedy: Option<&str>| StuckLine {
        unit: space(),
        status: Status::InProgress,
        idle_seconds: 700,
        verdict,
        because: because.to_owned(),
        remedy: remedy.map(str::to_owned),
    };
    let spaces = vec![
        stuck(
            Verdict::Dead,
            "instance 3 has been silent for 700 s",
            Some("start instance 3 again"),
        ),
        stuck(Verdict::Slow, "instance 2 is running", None),
    ];
    let list = |units| View::Stuck {
        at: AT.to_owned(),
        idle_seconds: 600,
        units,
        unknown: None,
    };
    holds("stuck", &list(spaces));
    holds("stuck-none", &list(Vec::new()));
    let split = UnitLine {
        split: Some(SplitLine {
            parts: 20,
            ended: 7,
            held_by: [("1".to_owned(), 1), ("3".to_owned(), 2)].into(),
        }),
        ..space()
    };
    holds(
        "space",
        &View::Unit {
            at: AT.to_owned(),
            unit: SPACE.to_owned(),
            units: vec![split],
            failures,
        },
    );
}

#[test]
fn one_customer_or_instance_reads_as_it_was_reviewed() {
    holds(
        "customer",
        &View::Owner(OwnerView {
            at: AT.to_owned(),
            owner: ALICE.to_owned(),
            status: Some("in-progress".to_owned()),
            instance: Some("1".to_owned()),
            counts: counts(12, 0, 1, 20),
            units: vec![space()],
            failures: 1,
        }),
    );
    holds(
        "instance",
        &View::Instance(InstanceView {
            at: AT.to_owned(),
            number: "1".to_owned(),
            instance: Some(instance("1", Alive::Yes)),
            same_number: vec![instance("1", Alive::Silent)],
            share: Some(Share {
                counts: counts(37, 5, 1, 160),
                units: 7,
                units_ended: 3,
            }),
            units: vec![space()],
            failures: [(Reason::new("MISSING_BLOB"), 1)].into(),
        }),
    );
}

#[test]
fn control_reads_as_it_was_reviewed() {
    let view = |asked| View::Control {
        at: AT.to_owned(),
        asked,
        instances: instances(),
    };
    holds("ctl-status", &view(asked()));
    holds("ctl-status-nothing", &view(Vec::new()));
    holds(
        "ctl-log",
        &View::ControlLog {
            at: AT.to_owned(),
            wishes: asked(),
        },
    );
}
