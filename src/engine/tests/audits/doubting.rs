//! Audits on which something goes wrong: what could not be told is told, and what was stopped is gone on with.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use crate::engine::tests::faulty::{Faulty, Out};
use crate::engine::tests::world::{World, no_fault};
use crate::engine::{
    AuditOutcome, Config, Ended, EngineError, Report, RunParts, Scope, Stop, audit,
};
use crate::migrations::uploads::namespace;
use crate::model::{AuditLine, Class, Failure, Reason, Verdict, VerdictCounts};
use crate::runtime::{Classify, DependencyConfig, Instant, RetryHint, StopLevel};
use crate::state::{self, Store};

const LATENCY: Duration = Duration::from_millis(10);

fn all(resume: bool) -> Report {
    Report {
        resume,
        ..Report::new("audit", "all")
    }
}

/// Everything of a world.
fn whole(world: &World) -> Scope {
    Scope::Units(world.units())
}

async fn audited(world: &World) -> AuditOutcome {
    let stop = Stop::new();
    audit(
        world.parts(&stop),
        world.next_config(),
        whole(world),
        all(false),
    )
    .await
    .unwrap()
}

/// A world that was migrated, with a fault that begins afterwards.
async fn migrated(
    units: usize,
    keys: usize,
    fault: impl Fn(&str, &str, u32) -> Option<Failure> + Send + Sync + 'static,
) -> World {
    let armed = Arc::new(AtomicBool::new(false));
    let see = Arc::clone(&armed);
    let met = AtomicU32::new(0);
    let fault = move |operation: &str, key: &str, _: u32| {
        if !see.load(Ordering::SeqCst) {
            return None;
        }
        fault(operation, key, met.fetch_add(1, Ordering::SeqCst))
    };
    let world = World::new(units, keys, LATENCY, Box::new(fault)).await;
    world.run().await;
    armed.store(true, Ordering::SeqCst);
    world
}

#[tokio::test(start_paused = true)]
async fn an_item_whose_probe_panics_is_unknown() {
    let world = migrated(1, 6, |operation, key, _| {
        assert!(operation != "probe" || key != "key-004", "a bug");
        None
    })
    .await;
    let outcome = audited(&world).await;
    let wanted = VerdictCounts {
        ok: 5,
        could_not_tell: 1,
        ..VerdictCounts::default()
    };
    assert_eq!((outcome.verdicts, outcome.listed), (wanted, 6));
    let told = &outcome.first[0];
    assert_eq!(told.item.as_str(), "key-004");
    let failure = told.failure.as_ref().unwrap();
    assert_eq!(failure.reason, Reason::INTERNAL);
    assert!(failure.message.contains("a bug"), "{failure}");
}

#[tokio::test(start_paused = true)]
async fn a_listing_that_panics_leaves_its_unit_unknown_and_no_other() {
    let world = migrated(2, 60, |operation, key, number| {
        assert!(
            operation != "list" || key != "key-050" || number > 70,
            "a bug"
        );
        None
    })
    .await;
    let outcome = audited(&world).await;
    assert_eq!((outcome.unlisted, outcome.whole), (1, 1));
    assert_eq!(outcome.listed, outcome.verdicts.total());
    let untold = &outcome.first_unlisted[0];
    assert_eq!(untold.after.as_ref().unwrap().as_str(), "key-049");
    assert_eq!(untold.failure.reason, Reason::INTERNAL);
    assert_eq!(outcome.verdicts.ok, 110);
}

#[tokio::test(start_paused = true)]
async fn a_listing_that_breaks_is_gone_on_with_as_in_a_run() {
    let broken = AtomicU32::new(0);
    let world = migrated(1, 120, move |operation, key, _| {
        let breaks = operation == "list" && key == "key-050";
        (breaks && broken.fetch_add(1, Ordering::SeqCst) < 2)
            .then(|| Failure::transient(Reason::TIMEOUT, "no answer"))
    })
    .await;
    let outcome = audited(&world).await;
    assert_eq!((outcome.verdicts.ok, outcome.listed), (120, 120));
    assert_eq!((outcome.unlisted, outcome.whole), (0, 1));
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_listed_is_unknown_whatever_the_class_of_the_failure() {
    for class in [Class::Transient, Class::Permanent] {
        let world = migrated(1, 120, move |operation, key, _| {
            (operation == "list" && key != "key-000")
                .then(|| Failure::new(class, Reason::SERVICE_ERROR, "broken"))
        })
        .await;
        let outcome = audited(&world).await;
        assert_eq!(outcome.ended, Ended::Finished);
        assert_eq!((outcome.verdicts.ok, outcome.verdicts.total()), (50, 50));
        assert_eq!((outcome.unlisted, outcome.whole), (1, 0));
        let after = outcome.first_unlisted[0].after.clone();
        assert_eq!(after.unwrap().as_str(), "key-049");
    }
}

#[tokio::test(start_paused = true)]
async fn a_row_that_cannot_be_read_is_not_taken_for_absent() {
    let mut world = World::new(1, 3, LATENCY, no_fault()).await;
    let rows = Arc::new(Faulty::new());
    let config = state::Config::new(namespace("test-migration-"), world.dir.path().join("state"));
    world.store = Store::over(Arc::clone(&rows) as _, config).with_clock(world.clock);
    world.store.create_tables().await.unwrap();
    world.run().await;
    assert_eq!(audited(&world).await.verdicts.ok, 3);
    rows.set(Out::Reading);
    let outcome = audited(&world).await;
    assert_eq!(outcome.verdicts.could_not_tell, 3, "{outcome:?}");
    let failure = outcome.first[0].failure.as_ref().unwrap();
    assert_eq!(failure.reason, Reason::STATE_UNAVAILABLE);
}

#[tokio::test(start_paused = true)]
async fn a_refusal_is_no_absence() {
    let world = migrated(1, 2, |operation, key, _| {
        (operation == "probe" && key == "key-001")
            .then(|| Failure::permanent(Reason::UNAUTHORIZED, "403"))
    })
    .await;
    let outcome = audited(&world).await;
    assert_eq!(outcome.first[0].verdict, Verdict::CouldNotTell);
}

/// An audit that is stopped by a limit of items.
async fn cut_short(world: &World, limit: u64) -> AuditOutcome {
    let config = Config {
        limit: Some(limit),
        ..world.next_config()
    };
    audit(world.parts(&Stop::new()), config, whole(world), all(false))
        .await
        .unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_stopped_audit_says_what_it_covers_and_is_gone_on_with() {
    let mut world = migrated(3, 20, |_, _, _| None).await;
    world.planned = Some(20);
    std::fs::write(world.copy.to.0.join("unit-00/key-003"), "changed").unwrap();
    std::fs::remove_file(world.copy.to.0.join("unit-02/key-005")).unwrap();
    let first = cut_short(&world, 25).await;
    assert_eq!(first.ended, Ended::Limit);
    assert_eq!((first.verdicts.total(), first.units), (25, 3));
    assert!(first.whole < 3);
    let kept = std::fs::read_to_string(&first.file).unwrap();

    let looked = world.calls("probe");
    let resumed = audit(
        world.parts(&Stop::new()),
        world.next_config(),
        whole(&world),
        all(true),
    )
    .await
    .unwrap();
    assert_eq!(resumed.ended, Ended::Finished);
    assert!(resumed.resumes.is_some());
    assert_eq!(
        world.calls("probe") - looked,
        35,
        "no item is looked at twice"
    );
    let wanted = VerdictCounts {
        ok: 58,
        wrong: 1,
        missing: 1,
        could_not_tell: 0,
    };
    assert_eq!((resumed.verdicts, resumed.listed), (wanted, 60));
    assert_eq!((resumed.whole, resumed.snapshot.verdicts), (3, wanted));
    assert_eq!(resumed.snapshot.counts.planned, 60);
    let lines = std::fs::read_to_string(&resumed.file).unwrap();
    let items = lines.lines().filter(|line| {
        let line = serde_json::from_str(line).unwrap();
        matches!(line, AuditLine::Item(_))
    });
    assert_eq!(items.count(), 2, "lines of both are in the last report");
    // The first report is as it was.
    assert_ne!(first.file, resumed.file);
    assert_eq!(std::fs::read_to_string(&first.file).unwrap(), kept);

    // What came to its end is not gone on with, and another scope neither.
    for scope in ["all", "other"] {
        let report = Report {
            scope: scope.to_owned(),
            ..all(true)
        };
        let config = world.next_config();
        let ended = audit(world.parts(&Stop::new()), config, whole(&world), report).await;
        let Err(EngineError::NothingToResume { ended, .. }) = ended else {
            panic!("{ended:?}")
        };
        assert_eq!(ended.is_some(), scope == "all");
    }
}

#[tokio::test(start_paused = true)]
async fn a_drain_ends_an_audit_within_its_grace_whatever_it_waits_for() {
    for operation in ["probe", "list"] {
        let world = migrated(2, 60, move |met, key, _| {
            // The first page and its looks come.
            let comes = match operation {
                "list" => key == "key-000",
                _ => key < "key-010",
            };
            (met == operation && !comes).then(|| {
                let failure = Failure::transient(Reason::BAD_ANSWER, "unreadable");
                failure.after(Some(Duration::from_hours(1)))
            })
        })
        .await;
        let stop = Stop::new();
        let started = Instant::now();
        let asked = async {
            tokio::time::sleep(Duration::from_mins(1)).await;
            stop.request(StopLevel::Drain, "SIGTERM");
        };
        let audit = audit(
            world.parts(&stop),
            world.next_config(),
            whole(&world),
            all(false),
        );
        let (outcome, ()) = tokio::join!(audit, asked);
        let took = started.elapsed();
        assert!(took < Duration::from_secs(66), "{operation}: {took:?}");
        let outcome = outcome.unwrap();
        let stopped =
            matches!(&outcome.ended, Ended::Stopped { reason, .. } if reason == "SIGTERM");
        assert!(stopped, "{:?}", outcome.ended);
        assert!(outcome.verdicts.ok > 0 && outcome.verdicts.could_not_tell == 0);
        assert_eq!(outcome.snapshot.in_flight, 0);
    }
}

#[derive(Debug, thiserror::Error)]
#[error("503")]
struct Down;

impl Classify for Down {
    fn hint(&self) -> RetryHint {
        RetryHint::Retry { after: None }
    }
    fn timed_out(_: Duration) -> Self {
        Self
    }
}

#[tokio::test(start_paused = true)]
async fn a_service_that_is_down_is_waited_for_and_nothing_is_unknown_when_it_is_back() {
    let down = Arc::new(AtomicBool::new(true));
    let see = Arc::clone(&down);
    let world = migrated(1, 40, move |operation, _, _| {
        (operation == "probe" && see.load(Ordering::SeqCst))
            .then(|| Failure::transient(Reason::SERVICE_ERROR, "503").from_dependency("target"))
    })
    .await;
    let parts: RunParts<_> = world.parts(&Stop::new());
    let service = parts
        .dependencies
        .get("target", DependencyConfig::default());
    let events = parts.events.clone();
    while !service.is_down() {
        let _: Result<(), Down> = service.call(|| async { Err(Down) }).await;
    }
    let outage = async {
        tokio::time::sleep(Duration::from_mins(4)).await;
        let waits = events.snapshot().throttles;
        assert_eq!(
            (waits[0].dependency.as_str(), waits[0].limit),
            ("target", 0)
        );
        assert!(waits[0].retry_seconds.is_some_and(|wait| wait <= 30));
        assert_eq!(events.snapshot().verdicts.total(), 0);
        down.store(false, Ordering::SeqCst);
        let back: Result<(), Down> = service.call(|| async { Ok(()) }).await;
        back.unwrap();
    };
    let audit = audit(parts, world.next_config(), whole(&world), all(false));
    let (outcome, ()) = tokio::join!(audit, outage);
    let outcome = outcome.unwrap();
    assert_eq!((outcome.verdicts.ok, outcome.verdicts.total()), (40, 40));
    assert!(outcome.snapshot.throttles.is_empty() || outcome.ended == Ended::Finished);
}
