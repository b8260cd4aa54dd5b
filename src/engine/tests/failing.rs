//! What goes wrong, and what becomes of it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::faulty::{Faulty, Out};
use super::world::{World, done, no_fault};
use crate::engine::{Degree, Ended, Job, Stop};
use crate::model::{Class, Failure, InstanceId, Reason, Status};
use crate::state::{FailedQuery, Store};

const LATENCY: Duration = Duration::from_millis(10);

fn corrupt() -> Failure {
    Failure::permanent(Reason::CorruptCar, "flipped byte")
}

#[tokio::test(start_paused = true)]
async fn a_permanent_failure_is_set_aside_after_one_attempt_and_the_rest_goes_on() {
    let world = World::new(
        1,
        20,
        LATENCY,
        Box::new(|op, key, _| (op == "copy" && key == "key-007").then(corrupt)),
    )
    .await;
    let outcome = world.run().await;
    assert_eq!(outcome.ended, Ended::Finished);
    let counts = done(&outcome);
    assert_eq!((counts.done, counts.quarantined, counts.left()), (19, 1, 0));
    let row = world.row(0).await;
    assert_eq!(
        (row.status, row.reasons[&Reason::CorruptCar]),
        (Status::Failed, 1)
    );
    assert_eq!(row.error.unwrap(), "1 items need a look: 1 CORRUPT_CAR");
    let failed = world
        .store
        .failed_items(&FailedQuery::default())
        .await
        .unwrap();
    assert_eq!(failed.len(), 1);
    assert_eq!(
        (failed[0].item.as_str(), failed[0].attempts),
        ("key-007", 1)
    );
    assert_eq!(failed[0].failure.step.as_ref().unwrap().as_str(), "copy");
}

#[tokio::test(start_paused = true)]
async fn a_retry_makes_only_the_failed_items_and_sets_rows_and_counters_right() {
    let mended = Arc::new(AtomicBool::new(false));
    let see = Arc::clone(&mended);
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
    let outcome = world.run_job(Job::Failed(failed), &Stop::new()).await;
    assert_eq!((done(&outcome).done, done(&outcome).quarantined), (36, 4));
    assert_eq!(world.calls("probe"), looked + 4);
    let failed = world
        .store
        .failed_items(&FailedQuery::default())
        .await
        .unwrap();
    assert!(failed.iter().all(|failed| failed.attempts == 2));
    mended.store(true, Ordering::SeqCst);
    let outcome = world.run_job(Job::Failed(failed), &Stop::new()).await;
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
async fn a_retry_with_an_old_list_counts_by_what_another_retry_found() {
    let fault = |op: &str, key: &str, before: u32| match (op, key, before) {
        ("copy", "key-003", 0) => Some(corrupt()),
        ("copy", "key-003", 1) => Some(Failure::permanent(Reason::BadAnswer, "not CBOR")),
        _ => None,
    };
    let world = World::new(1, 10, LATENCY, Box::new(fault)).await;
    world.run().await;
    let query = FailedQuery::default();
    let old = world.store.failed_items(&query).await.unwrap();
    let again = Job::Failed(old.clone());
    assert_eq!(
        done(&world.run_job(again, &Stop::new()).await).quarantined,
        1
    );
    assert_eq!(world.row(0).await.reasons[&Reason::BadAnswer], 1);
    world.run_job(Job::Failed(old), &Stop::new()).await;
    assert!(world.store.failed_items(&query).await.unwrap().is_empty());
    world.assert_all_done(1, 10).await;
}

/// Who retries, whether everything that failed is mended, and whether the checkpoint file is there to tell.
#[tokio::test(start_paused = true)]
async fn what_a_retry_mended_above_the_cursor_is_not_counted_as_failed_for_ever() {
    for (by, mends) in [(1, true), (2, true), (1, false), (2, false)] {
        let mended = Arc::new(AtomicBool::new(false));
        let see = Arc::clone(&mended);
        let fault = move |op: &str, key: &str, before: u32| match (op, key) {
            // Waits for its second attempt when the drain comes: the cursor stays below it.
            ("copy", "key-002") if before == 0 => {
                Some(Failure::transient(Reason::Throttled, "429").after(Some(LATENCY * 1_000)))
            }
            ("copy", "key-001" | "key-004") if !see.load(Ordering::SeqCst) => Some(corrupt()),
            ("copy", "key-001") if !mends => Some(corrupt()),
            _ => None,
        };
        let mut world = World::new(1, 10, LATENCY, Box::new(fault)).await;
        world.config.max_failure_rate = 1.0;
        let stop = Stop::new();
        let signal = async {
            tokio::time::sleep(LATENCY * 100).await;
            stop.ask(Degree::Drain, "SIGTERM");
        };
        tokio::join!(world.run_job(Job::Units(world.units()), &stop), signal);
        let row = world.row(0).await;
        let below = row.counts.bad();
        assert_eq!((row.status, below), (Status::InProgress, 1), "{row:?}");
        let query = FailedQuery::default();
        let failed = world.store.failed_items(&query).await.unwrap();
        assert_eq!(failed.len(), 2);

        mended.store(true, Ordering::SeqCst);
        world.config.instance = InstanceId::number(by);
        // Only the one above the cursor: the one below it stays counted.
        let above = failed
            .into_iter()
            .filter(|row| row.item.as_str() == "key-004");
        let retry = Job::Failed(above.collect());
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
        world.run_job(Job::Failed(failed), &Stop::new()).await;
        if mends {
            world.assert_all_done(1, 10).await;
        } else {
            assert_eq!(world.row(0).await.counts.quarantined, 1);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn what_could_not_be_told_publishes_nothing() {
    let outage = |op: &str, _: &str, _: u32| {
        (op == "probe").then(|| Failure::unknown(Reason::CouldNotTell, "502"))
    };
    let mut world = World::new(1, 10, LATENCY, Box::new(outage)).await;
    world.config.max_failure_rate = 1.0;
    let outcome = world.run().await;
    assert_eq!(done(&outcome).unknown, 10);
    assert!(world.target().is_empty());
    assert_eq!(world.calls("copy") + world.calls("seal"), 0);
    assert_eq!(world.row(0).await.status, Status::Failed);
    let failed = world
        .store
        .failed_items(&FailedQuery::default())
        .await
        .unwrap();
    assert!(
        failed
            .iter()
            .all(|failed| failed.failure.class == Class::Unknown && failed.attempts == 3)
    );
}

#[tokio::test(start_paused = true)]
async fn a_passing_trouble_passes_and_its_effects_are_made_once() {
    let fault = |op: &str, key: &str, before: u32| {
        let answer_lost = op == "written" && key.ends_with('3') && before == 0;
        answer_lost.then(|| Failure::unknown(Reason::Timeout, "no answer"))
    };
    let world = World::new(1, 20, LATENCY, Box::new(fault)).await;
    let outcome = world.run().await;
    assert_eq!((done(&outcome).done, done(&outcome).found), (20, 0));
    assert_eq!(outcome.snapshot.retries, 2);
    world.assert_all_done(1, 20).await;
    assert_eq!(
        world.calls("copy"),
        20,
        "what had happened was found, not made again"
    );
}

#[tokio::test(start_paused = true)]
async fn the_wait_that_a_service_asked_for_is_kept() {
    let fault = |op: &str, key: &str, before: u32| {
        let busy = op == "copy" && key == "key-000" && before == 0;
        busy.then(|| {
            Failure::transient(Reason::Throttled, "429").after(Some(Duration::from_secs(90)))
        })
    };
    let world = World::new(1, 1, LATENCY, Box::new(fault)).await;
    let start = tokio::time::Instant::now();
    world.run().await;
    world.assert_all_done(1, 1).await;
    assert!(start.elapsed() >= Duration::from_secs(90));
}

#[tokio::test(start_paused = true)]
async fn too_many_unexpected_failures_stop_the_run() {
    let fault = |op: &str, key: &str, _: u32| {
        (op == "copy" && key.ends_with('1'))
            .then(|| Failure::permanent(Reason::BadAnswer, "not CBOR"))
    };
    let world = World::new(1, 1_000, LATENCY, Box::new(fault)).await;
    let outcome = world.run().await;
    assert!(
        matches!(outcome.ended, Ended::Safety { .. }),
        "{:?}",
        outcome.ended
    );
    assert!(done(&outcome).settled() < 120);
    assert_eq!(world.row(0).await.status, Status::InProgress);
}

#[tokio::test(start_paused = true)]
async fn refused_credentials_end_the_run_at_once_and_fail_no_item() {
    let fault = |op: &str, _: &str, _: u32| {
        (op == "copy").then(|| Failure::fatal(Reason::Unauthorized, "expired token"))
    };
    let world = World::new(1, 50, LATENCY, Box::new(fault)).await;
    let outcome = world.run().await;
    assert!(
        matches!(outcome.ended, Ended::Fatal(failure) if failure.reason == Reason::Unauthorized)
    );
    assert_eq!(outcome.counts.settled(), 0);
    assert!(
        world
            .store
            .failed_items(&FailedQuery::default())
            .await
            .unwrap()
            .is_empty()
    );
}

#[tokio::test(start_paused = true)]
async fn a_step_that_panics_fails_its_item_alone() {
    let fault = |op: &str, key: &str, _: u32| {
        assert!(!(op == "seal" && key == "key-004"), "a bug in a step");
        None
    };
    let world = World::new(1, 10, LATENCY, Box::new(fault)).await;
    let outcome = world.run().await;
    assert_eq!((done(&outcome).done, done(&outcome).quarantined), (9, 1));
    assert_eq!(world.row(0).await.reasons[&Reason::Internal], 1);
}

#[tokio::test(start_paused = true)]
async fn a_listing_that_breaks_goes_on_where_it_was() {
    let fault = |op: &str, key: &str, before: u32| {
        (op == "list" && key == "key-050" && before < 2)
            .then(|| Failure::transient(Reason::Timeout, "page"))
    };
    let world = World::new(1, 100, LATENCY, Box::new(fault)).await;
    assert_eq!(world.run().await.ended, Ended::Finished);
    world.assert_all_done(1, 100).await;
    assert_eq!(world.calls("copy"), 100);
}

#[tokio::test(start_paused = true)]
async fn a_unit_that_cannot_be_listed_is_left_over_and_not_completed() {
    let fault = |op: &str, _: &str, _: u32| {
        (op == "list").then(|| Failure::transient(Reason::Unreachable, "refused"))
    };
    let world = World::new(2, 5, LATENCY, Box::new(fault)).await;
    let outcome = world.run().await;
    assert!(
        matches!(outcome.ended, Ended::Trouble { .. }),
        "{:?}",
        outcome.ended
    );
    assert_eq!(outcome.troubled.len(), 2);
    assert_eq!(world.row(0).await.status, Status::InProgress);
    assert!(world.target().is_empty());
}

/// The world over rows that may be out of order.
fn faulty(world: &mut World) -> Arc<Faulty> {
    let rows = Arc::new(Faulty::new());
    let config = world.store.config().clone();
    world.store = Store::over(Arc::clone(&rows) as _, config).with_clock(world.clock);
    rows
}

#[tokio::test(start_paused = true)]
async fn progress_that_cannot_be_read_is_not_taken_for_none() {
    let mut world = World::new(2, 5, LATENCY, no_fault()).await;
    let rows = faulty(&mut world);
    rows.set(Out::Reading);
    let outcome = world.run().await;
    assert!(
        matches!(outcome.ended, Ended::Trouble { .. }),
        "{:?}",
        outcome.ended
    );
    assert!(world.target().is_empty());
    rows.set(Out::Nothing);
    assert_eq!(world.run().await.ended, Ended::Finished);
    world.assert_all_done(2, 5).await;
}

#[tokio::test(start_paused = true)]
async fn progress_that_cannot_be_written_ends_the_run_and_is_told() {
    let mut world = World::new(1, 5, LATENCY, no_fault()).await;
    let rows = faulty(&mut world);
    let breaks = async {
        tokio::time::sleep(LATENCY * 5).await;
        rows.set(Out::Writing);
    };
    let (outcome, ()) = tokio::join!(world.run(), breaks);
    let Ended::Trouble { reason } = outcome.ended else {
        panic!("{:?}", outcome.ended)
    };
    assert!(reason.contains("out of order"), "{reason}");
    rows.set(Out::Nothing);
    assert_eq!(world.run().await.ended, Ended::Finished);
    world.assert_all_done(1, 5).await;
    assert_eq!(world.calls("copy"), 5, "nothing is made twice");
}

#[tokio::test(start_paused = true)]
async fn a_unit_that_was_put_off_and_taken_up_again_is_counted_once() {
    let fault = |op: &str, key: &str, before: u32| {
        let broken = op == "list" && key == "key-050" && before < 4;
        let set_aside = op == "copy" && key == "key-007";
        if broken {
            return Some(Failure::transient(Reason::Timeout, "page"));
        }
        set_aside.then(corrupt)
    };
    let world = World::new(1, 100, LATENCY, Box::new(fault)).await;
    let outcome = world.run().await;
    assert_eq!(outcome.ended, Ended::Finished);
    let counts = done(&outcome);
    assert_eq!(
        (counts.planned, counts.done, counts.quarantined),
        (100, 99, 1)
    );
    assert_eq!(outcome.snapshot.reasons[&Reason::CorruptCar], 1);
    assert_eq!(outcome.snapshot.units.released, 0);
}
