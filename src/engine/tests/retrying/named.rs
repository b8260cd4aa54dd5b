//! Items that somebody names, of units that are done or are not.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::engine::tests::simulation::named::List;
use crate::engine::tests::world::{World, key_name, name};
use crate::engine::{Ended, Job, Outcome, Stop};
use crate::model::{Failure, ItemId, Reason, Status, UnitId};
use crate::state::FailedQuery;

const LATENCY: Duration = Duration::from_millis(10);

pub(super) async fn mend(world: &World, keys: &[usize]) -> Outcome {
    let unit = UnitId::new("did:mailto:test:owner", name(0));
    let item = |key: &usize| (unit.clone(), ItemId::new(key_name(*key)));
    let list = List(keys.iter().map(item).collect());
    world
        .run_job(Job::RetryListed(Arc::new(list)), &Stop::new())
        .await
}

fn lose(world: &World, key: usize) {
    let path = world.copy.to.0.join(name(0)).join(key_name(key));
    std::fs::remove_file(path).unwrap();
}

#[tokio::test(start_paused = true)]
async fn what_was_lost_in_a_completed_unit_is_made_again_and_the_counters_stay_true() {
    let breaks = Arc::new(AtomicBool::new(false));
    let see = Arc::clone(&breaks);
    let fault = move |operation: &str, key: &str, _: u32| {
        let broken = operation == "copy" && key == "key-005" && see.load(Ordering::SeqCst);
        broken.then(|| Failure::permanent(Reason::new("CORRUPT_CAR"), "flipped byte"))
    };
    let world = World::new(2, 12, LATENCY, Box::new(fault)).await;
    world.run().await;
    let before = world.row(0).await.counts;
    for key in [1, 5, 9] {
        lose(&world, key);
    }
    breaks.store(true, Ordering::SeqCst);
    let copied = world.calls("copy");
    let outcome = mend(&world, &[0, 1, 5, 9]).await;
    assert_eq!(outcome.ended, Ended::Finished);
    let retried = outcome.counts;
    assert_eq!((retried.planned, retried.done, retried.found), (4, 3, 1));
    assert_eq!(world.calls("copy"), copied + 3);
    let row = world.row(0).await;
    assert_eq!(row.status, Status::Failed, "one cannot be put right");
    assert_eq!((row.counts.done, row.counts.quarantined), (11, 1));
    assert_eq!(row.counts.planned, before.planned);
    let query = FailedQuery::default();
    let rows = world.store.failed_items(&query).await.unwrap();
    assert_eq!((rows.len(), rows[0].item.as_str()), (1, "key-005"));

    breaks.store(false, Ordering::SeqCst);
    // The same list again: what is right by now is found, what has a row is counted by it.
    let outcome = mend(&world, &[0, 1, 5, 9]).await;
    assert_eq!((outcome.counts.done, outcome.counts.found), (4, 3));
    assert!(world.store.failed_items(&query).await.unwrap().is_empty());
    world.assert_all_done(2, 12).await;
}

#[tokio::test(start_paused = true)]
async fn an_effect_of_the_unit_that_is_gone_is_made_again() {
    let world = World::new(1, 6, LATENCY, Box::new(|_, _, _| None)).await;
    world.run().await;
    std::fs::remove_dir_all(world.copy.to.0.join(name(0))).unwrap();
    let all: Vec<usize> = (0..6).collect();
    assert_eq!(mend(&world, &all).await.ended, Ended::Finished);
    world.assert_all_done(1, 6).await;
}

#[tokio::test(start_paused = true)]
async fn an_item_above_the_cursor_of_an_open_unit_is_counted_by_the_run_that_comes_to_it() {
    let mut world = World::new(1, 40, LATENCY, Box::new(|_, _, _| None)).await;
    world.config.limit = Some(10);
    world.run().await;
    world.config.limit = None;
    assert_eq!(world.row(0).await.counts.done, 10);
    let outcome = mend(&world, &[3, 30]).await;
    assert_eq!((outcome.counts.done, outcome.counts.found), (2, 1));
    let row = world.row(0).await;
    assert_eq!((row.status, row.counts.done), (Status::InProgress, 10));
    world.run().await;
    world.assert_all_done(1, 40).await;
}
