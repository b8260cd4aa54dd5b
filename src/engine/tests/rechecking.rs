//! Rechecks: every item is looked at again, whatever its row says, and the row stays true.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::world::{World, name, no_fault};
use crate::engine::{Config, Ended, Job, Outcome, Stop, run};
use crate::model::{Failure, Reason, Status, UnixMillis};
use crate::state::{FailedQuery, Reopen};

const LATENCY: Duration = Duration::from_millis(10);

async fn recheck(world: &World, since: UnixMillis, limit: Option<u64>) -> Outcome {
    let config = Config {
        reopen: Reopen::Recheck(since),
        limit,
        ..world.next_config()
    };
    let job = Job::Units(world.units());
    run(world.parts(&Stop::new()), config, job).await.unwrap()
}

/// Loses one copy and changes another in each of these units.
fn damage(world: &World, units: std::ops::Range<usize>) {
    for unit in units {
        let folder = world.copy.to.0.join(name(unit));
        std::fs::remove_file(folder.join("key-001")).unwrap();
        std::fs::write(folder.join("key-004"), "changed").unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn a_recheck_repairs_what_a_run_does_not_probe() {
    let world = World::new(2, 20, LATENCY, no_fault()).await;
    world.run().await;
    damage(&world, 0..2);
    let looked = world.calls("probe");
    let outcome = world.run().await;
    assert_eq!(
        (outcome.ended, world.calls("probe")),
        (Ended::Finished, looked)
    );
    let outcome = recheck(&world, UnixMillis(1), None).await;
    assert_eq!(outcome.ended, Ended::Finished);
    let counts = outcome.counts;
    assert_eq!((counts.planned, counts.done, counts.found), (40, 40, 36));
    world.assert_all_done(2, 20).await;
    // The next one looks at everything again, and finds all of it.
    let outcome = recheck(&world, UnixMillis(2), None).await;
    assert_eq!((outcome.counts.done, outcome.counts.found), (40, 40));
}

#[tokio::test(start_paused = true)]
async fn a_recheck_that_was_stopped_goes_on_and_probes_nothing_twice() {
    let world = World::new(3, 20, LATENCY, no_fault()).await;
    world.run().await;
    damage(&world, 0..3);
    let looked = world.calls("probe");
    let first = recheck(&world, UnixMillis(1), Some(25)).await;
    assert_eq!(first.ended, Ended::Limit);
    let second = recheck(&world, UnixMillis(1), None).await;
    assert_eq!(second.ended, Ended::Finished);
    // Once each, and once more after each of the six that were put right.
    assert_eq!(world.calls("probe") - looked, 60 + 6);
    world.assert_all_done(3, 20).await;
    let third = recheck(&world, UnixMillis(1), None).await;
    assert_eq!(third.ended, Ended::Finished);
    assert_eq!(
        world.calls("probe") - looked,
        60 + 6,
        "it has come to its end"
    );
}

#[tokio::test(start_paused = true)]
async fn a_recheck_that_died_goes_on_from_row_or_file() {
    for loses_table in [false, true] {
        let mut world = World::new(2, 60, LATENCY, no_fault()).await;
        world.config.pace.checkpoint_items = 5;
        world.run().await;
        damage(&world, 0..2);
        let config = Config {
            reopen: Reopen::Recheck(UnixMillis(1)),
            ..world.next_config()
        };
        let parts = world.parts(&Stop::new());
        let tasks = parts.tasks.clone();
        let going = run(parts, config, Job::Units(world.units()));
        let died = tokio::time::timeout(Duration::from_millis(150), going).await;
        assert!(died.is_err());
        tasks.join().await;
        if loses_table {
            world.lose_table().await;
        } else {
            world.lose_file();
        }
        let outcome = recheck(&world, UnixMillis(1), None).await;
        assert_eq!(outcome.ended, Ended::Finished);
        world.assert_all_done(2, 60).await;
    }
}

#[tokio::test(start_paused = true)]
async fn what_a_recheck_cannot_repair_is_reported_by_row_and_failure_until_it_can() {
    let broken = Arc::new(AtomicBool::new(false));
    let see = Arc::clone(&broken);
    let fault = move |operation: &str, key: &str, _: u32| {
        let fails = operation == "probe" && key == "key-003" && see.load(Ordering::SeqCst);
        fails.then(|| Failure::permanent(Reason::new("MISSING_BLOB"), "gone"))
    };
    let world = World::new(1, 5, LATENCY, Box::new(fault)).await;
    world.run().await;
    broken.store(true, Ordering::SeqCst);
    recheck(&world, UnixMillis(1), None).await;
    let row = world.row(0).await;
    assert_eq!((row.status, row.counts.quarantined), (Status::Failed, 1));
    let failed = world.store.failed_items(&FailedQuery::default()).await;
    assert_eq!(
        failed.unwrap()[0].failure.reason,
        Reason::new("MISSING_BLOB")
    );
    broken.store(false, Ordering::SeqCst);
    recheck(&world, UnixMillis(2), None).await;
    world.assert_all_done(1, 5).await;
    let failed = world.store.failed_items(&FailedQuery::default()).await;
    assert!(failed.unwrap().is_empty());
}
