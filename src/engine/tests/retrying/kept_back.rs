//! One cause of a unit that keeps its items back: one row, however many they are.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::named::mend;
use crate::engine::tests::calls::Fault;
use crate::engine::tests::world::{World, done, name};
use crate::engine::{Ended, Job, Retry, Stop};
use crate::model::{FailedItem, Failure, Reason, Status};
use crate::state::FailedQuery;

const LATENCY: Duration = Duration::from_millis(10);

/// The folder of the first unit cannot be made until it is fixed, and one file is corrupt as long.
fn no_folder(fixed: &Arc<AtomicBool>) -> Fault {
    let fixed = Arc::clone(fixed);
    Box::new(move |operation, key, _| {
        if fixed.load(Ordering::SeqCst) {
            return None;
        }
        match operation {
            "folder" if key == name(0) => Some(Failure::permanent(
                Reason::new("MISSING_DELEGATION"),
                "none",
            )),
            _ => None,
        }
    })
}

async fn rows(world: &World) -> Vec<FailedItem> {
    let rows = world.store.failed_items(&FailedQuery::default()).await;
    rows.unwrap()
}

async fn retry(world: &World) -> crate::engine::Outcome {
    world
        .run_job(Job::RetryFailed(Retry::default()), &Stop::new())
        .await
}

#[tokio::test(start_paused = true)]
async fn what_a_cause_of_the_unit_keeps_back_has_one_row_with_its_number_and_is_all_tried_again() {
    let fixed = Arc::new(AtomicBool::new(false));
    let world = World::new(2, 30, LATENCY, no_folder(&fixed)).await;
    let outcome = world.run().await;
    assert_eq!((done(&outcome).done, done(&outcome).quarantined), (30, 30));
    let row = world.row(0).await;
    assert_eq!(
        (row.status, row.reasons[&Reason::new("MISSING_DELEGATION")]),
        (Status::Failed, 30)
    );
    let of_unit = rows(&world).await;
    let [one] = &of_unit[..] else {
        panic!("{of_unit:?}")
    };
    assert!(one.item.is_all_of_unit());
    assert_eq!((one.items, one.attempts), (30, 1));
    assert_eq!(one.failure.message, "none", "the cause, without an item");

    // It is still there: nothing is gone through again.
    let looked = world.calls("probe");
    let outcome = retry(&world).await;
    assert_eq!(outcome.ended, Ended::Finished);
    assert_eq!(
        (outcome.counts.planned, outcome.counts.quarantined),
        (30, 30)
    );
    assert_eq!(world.calls("probe"), looked);
    assert_eq!(world.row(0).await.counts, row.counts);
    assert_eq!(rows(&world).await[0].items, 30);

    fixed.store(true, Ordering::SeqCst);
    let outcome = retry(&world).await;
    assert_eq!(outcome.ended, Ended::Finished);
    assert_eq!((outcome.counts.planned, outcome.counts.done), (30, 30));
    assert!(rows(&world).await.is_empty());
    world.assert_all_done(2, 30).await;
}

/// A list names items that a cause of the unit keeps back, as the report of an audit does: they are counted once, and
/// when the cause is gone all of them are gone through.
#[tokio::test(start_paused = true)]
async fn naming_what_is_kept_back_counts_nothing_twice() {
    let fixed = Arc::new(AtomicBool::new(true));
    let world = World::new(1, 30, LATENCY, no_folder(&fixed)).await;
    world.run().await;
    std::fs::remove_dir_all(world.copy.to.0.join(name(0))).unwrap();
    fixed.store(false, Ordering::SeqCst);
    for _ in 0..2 {
        let outcome = mend(&world, &[1, 5]).await;
        assert_eq!((outcome.counts.planned, outcome.counts.quarantined), (2, 2));
        assert_eq!(
            outcome.snapshot.reasons[&Reason::new("MISSING_DELEGATION")],
            2
        );
        let row = world.row(0).await;
        assert_eq!((row.counts.done, row.counts.quarantined), (28, 2));
        assert_eq!(rows(&world).await[0].items, 2);
    }
    fixed.store(true, Ordering::SeqCst);
    assert_eq!(mend(&world, &[1]).await.ended, Ended::Finished);
    assert!(rows(&world).await.is_empty());
    world.assert_all_done(1, 30).await;
}

/// A unit that nobody began keeps its row; what is kept back in it is not passed by.
#[tokio::test(start_paused = true)]
async fn what_a_list_finds_kept_back_in_a_pending_unit_is_taken_up_by_a_retry() {
    let fixed = Arc::new(AtomicBool::new(false));
    let world = World::new(1, 6, LATENCY, no_folder(&fixed)).await;
    mend(&world, &[2]).await;
    assert_eq!(world.row(0).await.status, Status::Pending);
    let outcome = retry(&world).await;
    assert_eq!(outcome.counts.quarantined, 1);
    fixed.store(true, Ordering::SeqCst);
    retry(&world).await;
    assert!(rows(&world).await.is_empty());
}

/// A run that died after the first of them goes on with the row that it wrote.
#[tokio::test(start_paused = true)]
async fn the_row_is_right_after_a_crash_and_when_others_of_the_unit_failed_by_themselves() {
    let fixed = Arc::new(AtomicBool::new(false));
    let folder = no_folder(&fixed);
    let fault: Fault = Box::new(move |operation, key, before| {
        let corrupt = operation == "probe" && key == "key-007";
        let corrupt = corrupt.then(|| Failure::permanent(Reason::new("CORRUPT_CAR"), "flipped"));
        corrupt.or_else(|| folder(operation, key, before))
    });
    let world = World::new(1, 200, LATENCY, fault).await;
    assert!(world.crash(LATENCY * 12).await);
    assert!(
        rows(&world)
            .await
            .iter()
            .any(|row| row.item.is_all_of_unit())
    );
    world.run().await;
    let of_unit = rows(&world).await;
    assert_eq!(of_unit.len(), 2, "{of_unit:?}");
    assert_eq!(of_unit[0].items, 199);
    let row = world.row(0).await;
    assert_eq!((row.counts.quarantined, row.counts.left()), (200, 0));
    fixed.store(true, Ordering::SeqCst);
    let outcome = retry(&world).await;
    assert_eq!((outcome.counts.done, outcome.counts.quarantined), (199, 1));
    let of_unit = rows(&world).await;
    assert_eq!(of_unit.len(), 1);
    assert_eq!(of_unit[0].item.as_str(), "key-007");
    let row = world.row(0).await;
    assert_eq!((row.counts.done, row.counts.quarantined), (199, 1));
}
