//! Units that another program had begun.

use std::time::Duration;

use super::calls::{Later, hides};
use super::world::{World, done, key_name, name, no_fault};
use crate::engine::{Ended, Job, Report, Scope, Stop, audit};
use crate::model::{Counts, Reason, Status, UnixMillis, VerdictCounts};
use crate::state::rows::{Batched, Key, Row};
use crate::state::{FailedQuery, Reopen};

const LATENCY: Duration = Duration::from_millis(10);
const KEYS: u64 = 5;

/// The row of a unit as another program writes it, with every key of it copied and sealed.
async fn left(world: &World, unit: usize, status: &str, completed: u64) {
    let row = Row::new()
        .with("status", status)
        .with("totalUploads", KEYS)
        .with("completedUploads", completed)
        .with("lastProcessedUpload", key_name(2))
        .with("instanceId", "local")
        .with("workerId", "1")
        .with("createdAt", "2026-01-01T00:00:00.000Z")
        .with("updatedAt", "2026-01-02T00:00:00.000Z");
    let key = Key::two(
        ("customer", "did:mailto:test:owner"),
        ("space", &name(unit)),
    );
    let table = world.store.config().namespace.tables.progress.clone();
    let rows = vec![Batched::Put(key, row)];
    world.store.rows().write_all(&table, rows).await.unwrap();
    let folder = world.copy.to.0.join(name(unit));
    std::fs::create_dir(&folder).unwrap();
    for key in 0..5 {
        let bytes = format!("{unit}/{key}");
        std::fs::write(folder.join(key_name(key)), &bytes).unwrap();
        std::fs::write(folder.join(format!("{}.seal", key_name(key))), &bytes).unwrap();
    }
}

async fn verdicts(world: &World) -> VerdictCounts {
    let scope = Scope::Units(world.units());
    let parts = world.parts(&Stop::new());
    audit(
        parts,
        world.next_config(),
        scope,
        Report::new("audit", "all"),
    )
    .await
    .unwrap()
    .verdicts
}

#[tokio::test(start_paused = true)]
async fn what_the_world_does_not_show_is_made_once_and_what_was_found_is_kept() {
    let mut world = World::new(3, 5, LATENCY, no_fault()).await;
    left(&world, 0, "completed", KEYS).await;
    left(&world, 1, "in-progress", 3).await;
    let before = verdicts(&world).await;
    assert_eq!(
        before.missing, 15,
        "nothing is known of what another program did"
    );

    let outcome = world.run().await;
    assert_eq!(outcome.ended, Ended::Finished);
    assert_eq!((done(&outcome).done, done(&outcome).found), (15, 0));
    assert_eq!(
        world.calls("copy"),
        10,
        "unit 0 is believed, unit 1 is done again, unit 2 is new"
    );
    let kept = world.row(0).await;
    assert_eq!((kept.status, kept.counts.done), (Status::Completed, KEYS));
    let gone_through = world.row(1).await;
    let found = gone_through.taken_over.unwrap();
    assert_eq!(
        (found.status, found.planned, found.completed),
        (Status::InProgress, KEYS, 3)
    );
    assert_eq!(found.instance.unwrap().as_str(), "local");
    assert_eq!(found.last.unwrap().as_str(), key_name(2));
    assert_eq!(found.at, Some(UnixMillis(1_767_312_000_000)));
    assert_eq!(gone_through.status, Status::Completed);
    assert!(world.row(2).await.taken_over.is_none());

    let told = &outcome.snapshot.taken_over_named;
    assert_eq!((outcome.snapshot.taken_over, told.len()), (2, 2));
    let of = |unit| {
        told.iter()
            .find(|one| *one.unit.name == *name(unit))
            .unwrap()
    };
    assert!(of(0).kept && !of(1).kept);
    let whole = Counts {
        done: KEYS,
        ..Counts::planned(KEYS)
    };
    assert_eq!(of(1).now, Some((Status::Completed, whole)));

    let again = world.run().await;
    assert_eq!(world.calls("copy"), 10);
    assert_eq!(
        again.snapshot.taken_over, 1,
        "what is believed is told again"
    );
    assert_eq!(verdicts(&world).await.missing, KEYS);

    world.config.reopen = Reopen::TakenOver;
    let repaired = world.run().await;
    assert_eq!((world.calls("copy"), done(&repaired).done), (15, 15));
    assert_eq!(verdicts(&world).await.ok, 15);
    world.run().await;
    assert_eq!(world.calls("copy"), 15, "it is opened once");
    world.assert_all_done(3, KEYS).await;
}

#[tokio::test(start_paused = true)]
async fn a_repair_whose_effect_does_not_show_is_not_called_done() {
    let file = Later::default();
    let mut world = World::new(1, 5, LATENCY, hides("key-002", 0..u32::MAX, &file)).await;
    file.set(world.copy.to.0.join(name(0)).join("key-002"))
        .unwrap();
    world.config.max_failure_rate = 1.0;
    world.config.reopen = Reopen::TakenOver;
    left(&world, 0, "completed", KEYS).await;
    let repaired = done(&world.run().await);
    assert_eq!((repaired.done, repaired.unknown), (KEYS - 1, 1));
    let failed = world.store.failed_items(&FailedQuery::default()).await;
    let failed = failed.unwrap();
    assert_eq!(failed.len(), 1);
    assert_eq!(failed[0].item.as_str(), "key-002");
    assert_eq!(failed[0].failure.reason, Reason::NOT_VISIBLE_YET);
    assert_eq!(world.row(0).await.status, Status::Failed);
    assert_eq!(verdicts(&world).await.missing, 1);
}

#[tokio::test(start_paused = true)]
async fn a_total_of_long_ago_is_counted_again() {
    let world = World::new(2, 5, LATENCY, no_fault()).await;
    left(&world, 0, "in-progress", 3).await;
    let mut units = world.units();
    (units[0].planned, units[1].planned) = (Some(9), Some(2));
    let outcome = world.run_job(Job::Units(units), &Stop::new()).await;
    assert_eq!(outcome.ended, Ended::Finished);
    assert_eq!((done(&outcome).planned, outcome.counts.left()), (10, 0));
    world.assert_all_done(2, KEYS).await;
}

#[tokio::test(start_paused = true)]
async fn a_crash_in_a_unit_that_was_taken_over_leaves_nothing_out() {
    let world = World::new(1, 5, LATENCY, no_fault()).await;
    left(&world, 0, "failed", KEYS).await;
    assert!(world.crash(LATENCY * 7).await);
    let outcome = world.run().await;
    assert_eq!(outcome.ended, Ended::Finished);
    let copied = world.copy.calls.made.lock().unwrap().clone();
    for key in 0..5 {
        let calls = copied.get(&("copy".to_owned(), key_name(key)));
        assert!(calls.is_some_and(|calls| *calls >= 1), "{}", key_name(key));
    }
    world.assert_all_done(1, KEYS).await;
    let found = world.row(0).await.taken_over.unwrap();
    assert_eq!((found.status, found.completed), (Status::Failed, KEYS));
}
