//! What failed, tried again: rows and counters are set right.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::engine::tests::simulation::named::List;
use crate::engine::tests::world::{World, done, name};
use crate::engine::{Ended, Job, Retry, Stop, StopLevel};
use crate::model::{Failure, InstanceId, ItemId, Reason, Status, UnitId};
use crate::state::FailedQuery;

const LATENCY: Duration = Duration::from_millis(10);

fn corrupt() -> Failure {
    Failure::permanent(Reason::new("CORRUPT_CAR"), "flipped byte")
}

#[tokio::test(start_paused = true)]
async fn a_retry_makes_only_the_failed_items_and_sets_rows_and_counters_right() {
    let fixed = Arc::new(AtomicBool::new(false));
    let see = Arc::clone(&fixed);
    let fault = move |op: &str, key: &str, _: u32| {
        (op == "copy" && key.ends_with('5') && !see.load(Ordering::SeqCst)).then(corrupt)
    };
    let world = World::new(2, 20, LATENCY, Box::new(fault)).await;
    world.run().await;
    let failed = world
        .store
        .failed_items(&FailedQuery::default())
        .await
        .unwrap();
    assert_eq!(failed.len(), 4);
    let looked = world.calls("probe");
    // Still broken: nothing is lost, nothing counted twice.
    let outcome = world
        .run_job(Job::RetryFailed(Retry::default()), &Stop::new())
        .await;
    assert_eq!((done(&outcome).done, done(&outcome).quarantined), (36, 4));
    let retried = outcome.counts;
    assert_eq!(
        (retried.planned, retried.quarantined, retried.left()),
        (4, 4, 0)
    );
    assert_eq!(world.calls("probe"), looked + 4);
    let failed = world
        .store
        .failed_items(&FailedQuery::default())
        .await
        .unwrap();
    assert!(failed.iter().all(|failed| failed.attempts == 2));
    fixed.store(true, Ordering::SeqCst);
    let outcome = world
        .run_job(Job::RetryFailed(Retry::default()), &Stop::new())
        .await;
    assert_eq!((outcome.counts.planned, outcome.counts.done), (4, 4));
    assert_eq!(
        (outcome.ended.clone(), done(&outcome).done),
        (Ended::Finished, 40)
    );
    assert!(
        world
            .store
            .failed_items(&FailedQuery::default())
            .await
            .unwrap()
            .is_empty()
    );
    world.assert_all_done(2, 20).await;
}

#[tokio::test(start_paused = true)]
async fn a_retry_counts_by_what_the_last_one_found() {
    let fault = |op: &str, key: &str, before: u32| match (op, key, before) {
        ("copy", "key-003", 0) => Some(corrupt()),
        ("copy", "key-003", 1) => Some(Failure::permanent(Reason::BAD_ANSWER, "not CBOR")),
        _ => None,
    };
    let world = World::new(1, 10, LATENCY, Box::new(fault)).await;
    world.run().await;
    let again = || Job::RetryFailed(Retry::default());
    assert_eq!(
        done(&world.run_job(again(), &Stop::new()).await).quarantined,
        1
    );
    assert_eq!(world.row(0).await.reasons[&Reason::BAD_ANSWER], 1);
    world.run_job(again(), &Stop::new()).await;
    let query = FailedQuery::default();
    assert!(world.store.failed_items(&query).await.unwrap().is_empty());
    world.assert_all_done(1, 10).await;
}

#[tokio::test(start_paused = true)]
async fn a_retry_reports_the_failures_that_it_took_up_and_no_others() {
    let fault = |op: &str, key: &str, _: u32| match (op, key) {
        ("copy", "key-003") => Some(corrupt()),
        ("copy", "key-005") => Some(Failure::permanent(Reason::BAD_ANSWER, "not CBOR")),
        _ => None,
    };
    let world = World::new(1, 10, LATENCY, Box::new(fault)).await;
    world.run().await;
    let mut retry = Retry::default();
    retry.query.reasons = vec![Reason::BAD_ANSWER];
    let outcome = world.run_job(Job::RetryFailed(retry), &Stop::new()).await;
    let told: Vec<_> = outcome.reasons.into_iter().collect();
    assert_eq!(told, [(Reason::BAD_ANSWER, 1)]);
}

#[tokio::test(start_paused = true)]
async fn what_a_retry_repaired_above_the_cursor_is_not_counted_as_failed_for_ever() {
    for (by, fixes) in [(1, true), (2, true), (1, false), (2, false)] {
        let fixed = Arc::new(AtomicBool::new(false));
        let see = Arc::clone(&fixed);
        let fault = move |op: &str, key: &str, before: u32| match (op, key) {
            // Waits for its second attempt when the drain comes: the cursor stays below it.
            ("copy", "key-002") if before == 0 => {
                Some(Failure::transient(Reason::THROTTLED, "429").after(Some(LATENCY * 1_000)))
            }
            ("copy", "key-001" | "key-004") if !see.load(Ordering::SeqCst) => Some(corrupt()),
            ("copy", "key-001") if !fixes => Some(corrupt()),
            _ => None,
        };
        let mut world = World::new(1, 10, LATENCY, Box::new(fault)).await;
        world.config.max_failure_rate = 1.0;
        let stop = Stop::new();
        let signal = async {
            tokio::time::sleep(LATENCY * 100).await;
            stop.request(StopLevel::Drain, "SIGTERM");
        };
        tokio::join!(world.run_job(Job::Units(world.units()), &stop), signal);
        let row = world.row(0).await;
        let below = row.counts.bad();
        assert_eq!((row.status, below), (Status::InProgress, 1), "{row:?}");
        let query = FailedQuery::default();
        let failed = world.store.failed_items(&query).await.unwrap();
        assert_eq!(failed.len(), 2);

        fixed.store(true, Ordering::SeqCst);
        world.config.instance = InstanceId::number(by);
        // Only the one above the cursor: the one below it stays counted.
        assert!(failed.iter().any(|row| row.item.as_str() == "key-004"));
        let unit = UnitId::new("did:mailto:test:owner", name(0));
        let above = List([(unit, ItemId::new("key-004"))].into());
        let retry = Job::RetryListed(Arc::new(above));
        assert_eq!(
            world.run_job(retry, &Stop::new()).await.ended,
            Ended::Finished
        );
        assert_eq!(world.row(0).await.counts.bad(), 1, "by {by}");
        world.config.instance = InstanceId::number(1);
        let outcome = world.run().await;
        assert_eq!(outcome.ended, Ended::Finished);
        let row = world.row(0).await;
        assert_eq!(
            (row.counts.done, row.counts.bad()),
            (9, 1),
            "by {by}: {row:?}"
        );
        assert_eq!(outcome.counts, row.counts);
        let failed = world.store.failed_items(&query).await.unwrap();
        assert_eq!(failed.len(), 1);
        let again = Job::RetryFailed(Retry::default());
        world.run_job(again, &Stop::new()).await;
        if fixes {
            world.assert_all_done(1, 10).await;
        } else {
            assert_eq!(world.row(0).await.counts.quarantined, 1);
        }
    }
}
