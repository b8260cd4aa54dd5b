//! Split units of which something failed, is undone, or was begun by another program.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::{KEYS, LATENCY, assert_done, by, giant, giant_with, instance, parts};
use crate::engine::tests::rolling::everything;
use crate::engine::tests::world::{World, done, elsewhere, key_name, name, no_fault};
use crate::engine::{Ended, Job, Retry, Stop};
use crate::model::{
    Counts, Failure, InstanceId, PartId, Reason, RunId, Stage, Status, Unit, UnitId, UnitProgress,
};
use crate::state::rows::{Batched, Key, Row};
use crate::state::{FailedQuery, Grant, Reopen, TakeKind};

#[tokio::test(start_paused = true)]
async fn failed_items_are_counted_once_and_retried_in_ended_and_in_open_units() {
    let fixed = Arc::new(AtomicBool::new(false));
    let see = Arc::clone(&fixed);
    let bad = move |operation: &str, key: &str, _: u32| {
        let is_bad = operation == "copy" && key.ends_with('7') && !see.load(Ordering::SeqCst);
        is_bad.then(|| Failure::permanent(Reason::new("CORRUPT_CAR"), "flipped byte"))
    };
    let mut world = giant_with(Box::new(bad)).await;
    world.config.max_failure_rate = 1.0;
    world.config.limit = Some(100);
    let outcome = instance(&world, 1, &Stop::new()).await;
    assert_eq!(outcome.ended, Ended::Limit);
    world.config.limit = None;
    let open = world.row(0).await;
    assert!(open.open_split().is_some() && open.counts.quarantined > 5);
    assert_eq!(
        open.reasons[&Reason::new("CORRUPT_CAR")],
        open.counts.quarantined
    );

    fixed.store(true, Ordering::SeqCst);
    let failed = world
        .store
        .failed_items(&FailedQuery::default())
        .await
        .unwrap();
    assert_eq!(failed.len() as u64, open.counts.quarantined);
    assert!(failed.iter().all(|failed| failed.unit.part.is_none()));
    let retried = world
        .run_job(Job::RetryFailed(Retry::default()), &Stop::new())
        .await;
    assert_eq!(retried.ended, Ended::Finished);
    assert!(retried.snapshot.adds_up());
    let row = world.row(0).await;
    assert_eq!(
        (row.counts.bad(), row.counts.settled()),
        (0, open.counts.settled())
    );
    assert_eq!(retried.snapshot.counts.done, row.counts.done);
    let sum: Counts = parts(&world)
        .await
        .iter()
        .map(|row| row.progress.counts)
        .sum();
    assert_eq!(row.counts, sum);
    let outcome = instance(&world, 1, &Stop::new()).await;
    assert_eq!(
        (outcome.ended.clone(), done(&outcome).done),
        (Ended::Finished, KEYS)
    );
    world.assert_all_done(1, KEYS).await;
}

#[tokio::test(start_paused = true)]
async fn a_rollback_waits_for_the_parts_and_removes_them() {
    let mut world = giant().await;
    world.config.limit = Some(60);
    instance(&world, 1, &Stop::new()).await;
    world.config.limit = None;
    assert!(world.row(0).await.open_split().is_some());
    // A helper holds a part, and lives.
    let part = parts(&world)
        .await
        .into_iter()
        .find(|row| row.progress.status == Status::Pending)
        .unwrap();
    let held = Unit::new(part.progress.unit.clone());
    let helper = elsewhere(7);
    let run = RunId::new("helper");
    let take = TakeKind::Unheld;
    let lease = world.store.lease(&held, &helper, &run, &take, Reopen::No);
    let Grant::Leased { mut lease, .. } = lease.await.unwrap() else {
        panic!("the part is free");
    };
    let beats = async {
        loop {
            tokio::time::sleep(Duration::from_millis(500)).await;
            world.store.renew(&mut lease).await.unwrap();
        }
    };
    let within = everything();
    let refused = tokio::select! {
        biased;
        refused = world.roll_back(&within) => refused,
        () = beats => unreachable!(),
    };
    assert!(
        matches!(refused.ended, Ended::Held { .. }),
        "{:?}",
        refused.ended
    );
    assert!(refused.undone.is_empty());
    assert!(
        world.row(0).await.open_split().is_some(),
        "it goes on as it was"
    );
    // The helper died.
    let rolled = world.roll_back(&everything()).await;
    assert_eq!(rolled.ended, Ended::Finished, "{rolled:?}");
    let row = world.row(0).await;
    assert_eq!((row.status, row.counts.settled()), (Status::Pending, 0));
    assert_eq!(row.split.unwrap().stage, Stage::Gone);
    assert!(world.store.open_parts(10).await.unwrap().is_empty());
    assert!(world.target().is_empty());
    let late = world.store.renew(&mut lease).await;
    assert!(late.unwrap_err().is_lost_lease());
    let outcome = instance(&world, 1, &Stop::new()).await;
    assert_eq!(
        (outcome.ended.clone(), done(&outcome).done),
        (Ended::Finished, KEYS)
    );
    assert_done(&world, 60).await;
}

#[tokio::test(start_paused = true)]
async fn a_row_of_a_part_that_comes_back_after_the_end_is_removed_and_not_worked_on() {
    let world = giant().await;
    instance(&world, 1, &Stop::new()).await;
    let row = world.row(0).await;
    let cut = row.split.as_ref().unwrap().cut;
    let id = row.unit.part(PartId { cut, number: 3 });
    let zombie = UnitProgress::pending(&Unit::new(id));
    world
        .store
        .plan_part(&zombie, &InstanceId::number(1))
        .await
        .unwrap();
    let before = world.calls("probe");
    let outcome = instance(&world, 2, &Stop::new()).await;
    assert_eq!(
        (outcome.ended, world.calls("probe")),
        (Ended::Finished, before)
    );
    assert!(world.store.open_parts(10).await.unwrap().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_unit_that_another_program_had_begun_is_split_and_gone_through() {
    let world = giant().await;
    let row = Row::new()
        .with("status", "in-progress")
        .with("totalUploads", KEYS)
        .with("completedUploads", 100_u64)
        .with("lastProcessedUpload", key_name(99))
        .with("instanceId", "local")
        .with("updatedAt", "2026-01-02T00:00:00.000Z");
    let unit = UnitId::new("did:mailto:test:owner", "unit-00");
    let key = Key::two(("customer", &unit.owner), ("space", &unit.name));
    let table = world.store.config().namespace.tables.progress.clone();
    let rows = vec![Batched::Put(key, row)];
    world.store.rows().write_all(&table, rows).await.unwrap();
    let folder = world.copy.to.0.join("unit-00");
    std::fs::create_dir(&folder).unwrap();
    for key in 0..100 {
        std::fs::write(folder.join(key_name(key)), format!("0/{key}")).unwrap();
    }
    let stop = Stop::new();
    let (first, second) = tokio::join!(instance(&world, 1, &stop), instance(&world, 2, &stop));
    assert_eq!(
        (first.ended.clone(), done(&first).done),
        (Ended::Finished, KEYS)
    );
    assert!(by(&second) > 0);
    // What the world does not show is made again for every item, in whichever part it lies.
    assert_done(&world, 0).await;
    assert_eq!(first.snapshot.taken_over, 1);
}

#[tokio::test(start_paused = true)]
async fn a_unit_that_another_migrates_is_not_rolled_back() {
    let mut world = World::new(2, 6, LATENCY, no_fault()).await;
    world.config.pace.lease_term = Duration::from_secs(6);
    world.run().await;
    let unit = Unit::new(UnitId::new("did:mailto:test:owner", name(0)));
    let (other, run) = (elsewhere(2), RunId::new("other"));
    // Whoever has a lease has a journal.
    let opening = serde_json::json!({
        "v": 1, "seq": 1, "at": 1, "run": run, "instance": other.instance, "folder": other.folder,
        "state": "test", "program": "0",
    });
    let journal = world.dir.path().join("state/instance-2-journal.ndjson");
    std::fs::write(journal, format!("{opening}\n")).unwrap();
    let grant = world
        .store
        .lease(&unit, &other, &run, &TakeKind::Unheld, Reopen::Yes);
    let Grant::Leased {
        mut lease,
        progress,
        ..
    } = grant.await.unwrap()
    else {
        panic!("not leased")
    };
    let beating = async {
        loop {
            tokio::time::sleep(Duration::from_secs(1)).await;
            world.store.save(&mut lease, &progress).await.unwrap();
        }
    };
    let within = everything();
    let outcome = tokio::select! {
        biased;
        outcome = world.roll_back(&within) => outcome,
        () = beating => unreachable!(),
    };
    assert!(
        matches!(outcome.ended, Ended::Held { .. }),
        "{:?}",
        outcome.ended
    );
    let [(held, by)] = &outcome.held[..] else {
        panic!("{:?}", outcome.held)
    };
    assert_eq!((held, &by.holder), (&unit.id, &other));
    let kept = world.paths();
    assert_eq!(kept.len(), 13);
    assert!(kept.iter().all(|path| path.starts_with(&name(0))));
    // It died: after a term without a beat its unit is free for the taking.
    let outcome = world.roll_back(&everything()).await;
    assert_eq!(outcome.ended, Ended::Finished);
    world.assert_undone(2, 6).await;
}
