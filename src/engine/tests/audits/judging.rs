//! Audits and explanations.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::engine::tests::world::{World, no_fault};
use crate::engine::{Ended, Report, Scope, Stop, audit, explain};
use crate::model::{Failure, Reason, Verdict, VerdictCounts};

const LATENCY: Duration = Duration::from_millis(10);

async fn verdicts(world: &World) -> VerdictCounts {
    let scope = Scope::Units(world.units());
    let outcome = audit(
        world.parts(&Stop::new()),
        world.next_config(),
        scope,
        Report::new("audit", "all"),
    )
    .await
    .unwrap();
    assert_eq!(outcome.ended, Ended::Finished);
    assert_eq!(outcome.listed, outcome.verdicts.total());
    outcome.verdicts
}

#[tokio::test(start_paused = true)]
async fn ok_wrong_missing_and_could_not_tell_are_told_apart_and_nothing_is_written() {
    let outage = Arc::new(AtomicBool::new(false));
    let see = Arc::clone(&outage);
    let fault = move |op: &str, key: &str, _: u32| {
        let out = op == "probe" && key == "key-009" && see.load(Ordering::SeqCst);
        out.then(|| Failure::transient(Reason::TIMEOUT, "no answer"))
    };
    let world = World::new(1, 20, LATENCY, Box::new(fault)).await;
    world.run().await;
    outage.store(true, Ordering::SeqCst);
    std::fs::write(world.copy.to.0.join("unit-00/key-003"), "changed").unwrap();
    std::fs::remove_file(world.copy.to.0.join("unit-00/key-005")).unwrap();
    let (target, row, writes) = (world.target(), world.row(0).await, world.calls("copy"));
    let found = verdicts(&world).await;
    assert_eq!(
        found,
        VerdictCounts {
            ok: 17,
            wrong: 1,
            missing: 1,
            could_not_tell: 1
        }
    );
    assert_eq!(
        (world.target(), world.row(0).await, world.calls("copy")),
        (target, row, writes)
    );
    let report = world.dir.path().join("state/instance-1-audit-run-2.ndjson");
    let text = std::fs::read_to_string(report).unwrap();
    let items = text
        .lines()
        .filter(|line| line.contains("\"line\":\"item\""));
    assert_eq!(items.count(), 3);
}

#[tokio::test(start_paused = true)]
async fn the_plan_of_a_fresh_world_names_every_step_and_makes_none() {
    let world = World::new(1, 4, LATENCY, no_fault()).await;
    let scope = Scope::Units(world.units());
    let outcome = audit(
        world.parts(&Stop::new()),
        world.next_config(),
        scope,
        Report::new("plan", "all"),
    )
    .await
    .unwrap();
    assert_eq!(outcome.verdicts.missing, 4);
    let steps: Vec<_> = outcome.first[0]
        .findings
        .iter()
        .map(|found| found.step.as_str())
        .collect();
    assert_eq!(steps, ["folder", "copy", "seal"]);
    assert!(world.target().is_empty());
    assert!(
        world
            .store
            .progress_where(None, None)
            .await
            .unwrap()
            .is_empty()
    );
}

#[tokio::test(start_paused = true)]
async fn an_explanation_joins_rows_and_world() {
    let fault = |op: &str, key: &str, _: u32| {
        (op == "seal" && key == "key-001").then(|| Failure::permanent(Reason::REFUSED, "no"))
    };
    let world = World::new(1, 3, LATENCY, Box::new(fault)).await;
    world.run().await;
    let unit = &world.units()[0].id;
    let told = explain(&world.parts(&Stop::new()), unit, Some(&"key-001".into()))
        .await
        .unwrap();
    assert_eq!(told.verdict, Verdict::Missing);
    assert_eq!(told.findings.len(), 1);
    assert_eq!(told.failed.unwrap().failure.reason, Reason::REFUSED);
    assert_eq!(told.progress.unwrap().counts.done, 2);
    let gone = explain(&world.parts(&Stop::new()), unit, Some(&"key-999".into()))
        .await
        .unwrap();
    assert_eq!(gone.failure.unwrap().reason, Reason::NOT_FOUND);
}
