//! Two living processes with one instance number: the same number elsewhere is another holder.

use std::time::Duration;

use super::copy::Copy;
use super::rolling::everything;
use super::simulation::disk::Drive;
use super::world::{World, done, no_fault};
use crate::engine::{Config, Ended, Job, Outcome, Retry, RunParts, Stop, plan_undo, rollback, run};
use crate::model::{Failure, FolderId, InstanceReport, Reason};
use crate::runtime::Process;
use crate::state::{FailedQuery, LeaseHolder};

const LATENCY: Duration = Duration::from_millis(50);
const KEYS: u64 = 2_000;
/// When the second process starts: the first is in the middle.
const LATER: Duration = Duration::from_secs(5);

/// A process with the number of the world's own and files of its own.
fn second(world: &World, folder: &str) -> (RunParts<Copy>, Config) {
    let disk = Drive::default().of(&Process::new());
    let parts = RunParts {
        store: world.store.clone().with_disk(disk),
        ..world.parts(&Stop::new())
    };
    let config = Config {
        folder: Some(FolderId::new(folder)),
        host: "second".to_owned(),
        ..world.next_config()
    };
    (parts, config)
}

async fn live() -> World {
    let corrupt = |operation: &str, key: &str, before: u32| {
        (operation == "copy" && key == "key-003" && before == 0)
            .then(|| Failure::permanent(Reason::new("CORRUPT_CAR"), "flipped byte"))
    };
    let mut world = World::new(
        1,
        usize::try_from(KEYS).unwrap(),
        LATENCY,
        Box::new(corrupt),
    )
    .await;
    world.config.host = "first".to_owned();
    world
}

/// The first did its work as if it had been alone.
fn undisturbed(world: &World, first: &Outcome) {
    assert_eq!(first.ended, Ended::Finished);
    let counts = done(first);
    assert_eq!((counts.done, counts.quarantined), (KEYS - 1, 1));
    assert_eq!(u64::from(world.calls("copy")), KEYS);
}

/// The second waited for a term at most, and says who holds what it wanted.
fn held(world: &World, began: tokio::time::Instant, ended: &Ended, held: &LeaseHolder) {
    let term = world.config.pace.lease_term;
    assert!(
        began.elapsed() < term + Duration::from_secs(5),
        "{:?}",
        began.elapsed()
    );
    assert!(held.holder.is_same(&world.config.holder()), "{held:?}");
    let Ended::Held { reason } = ended else {
        panic!("{ended:?}")
    };
    for word in ["instance 1 on ", held.run.as_str(), "state folder here"] {
        assert!(reason.contains(word), "no {word:?} in {reason}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_second_machine_with_the_number_of_a_live_run_takes_nothing_of_it() {
    let world = live().await;
    let twin = async {
        tokio::time::sleep(LATER).await;
        let began = tokio::time::Instant::now();
        let (parts, config) = second(&world, "there");
        let outcome = run(parts, config, Job::Units(world.units())).await.unwrap();
        let [(_, by)] = &outcome.held[..] else {
            panic!("{outcome:?}")
        };
        held(&world, began, &outcome.ended, by);
        let Ended::Held { reason } = &outcome.ended else {
            unreachable!()
        };
        for word in ["instance 1 on first", "this instance's number"] {
            assert!(reason.contains(word), "no {word:?} in {reason}");
        }
    };
    let (first, ()) = tokio::join!(world.run(), twin);
    undisturbed(&world, &first);
    // Each has a row of its own.
    let fleet = world.store.fleet_rows().await.unwrap();
    let hosts: Vec<&str> = fleet
        .iter()
        .map(|row: &InstanceReport| &*row.host)
        .collect();
    assert_eq!(fleet.len(), 2, "{hosts:?}");
}

#[tokio::test(start_paused = true)]
async fn a_retry_beside_a_live_run_of_its_number_adopts_nothing() {
    // Nor does one with the same folder: nothing proves that the holder is dead but its silence.
    for folder in ["there", "here"] {
        let world = live().await;
        let retry = async {
            tokio::time::sleep(LATER).await;
            let began = tokio::time::Instant::now();
            let failed = world.store.failed_items(&FailedQuery::default()).await;
            let failed = failed.unwrap();
            assert_eq!(failed.len(), 1);
            let (parts, config) = second(&world, folder);
            let outcome = run(parts, config, Job::RetryFailed(Retry::default()))
                .await
                .unwrap();
            let [(_, by)] = &outcome.held[..] else {
                panic!("{outcome:?}")
            };
            held(&world, began, &outcome.ended, by);
        };
        let (first, ()) = tokio::join!(world.run(), retry);
        undisturbed(&world, &first);
    }
}

#[tokio::test(start_paused = true)]
async fn a_rollback_beside_a_live_run_of_its_number_takes_nothing_back() {
    for folder in ["there", "here"] {
        let world = live().await;
        let back = async {
            tokio::time::sleep(LATER).await;
            let began = tokio::time::Instant::now();
            let (parts, config) = second(&world, folder);
            let found = plan_undo(&parts, &everything()).await.unwrap();
            let outcome = rollback(parts, config, found).await.unwrap();
            let [(_, by), ..] = &outcome.held[..] else {
                panic!("{outcome:?}")
            };
            held(&world, began, &outcome.ended, by);
            assert!(outcome.undone.is_empty(), "{outcome:?}");
        };
        let (first, ()) = tokio::join!(world.run(), back);
        undisturbed(&world, &first);
        assert_eq!(world.calls("removed"), 0);
    }
}

#[tokio::test(start_paused = true)]
async fn what_a_dead_process_left_is_adopted_in_its_folder_and_waited_for_elsewhere() {
    for (folder, waits) in [("here", false), ("there", true)] {
        let world = World::new(1, 40, LATENCY, no_fault()).await;
        assert!(world.crash(LATENCY * 30).await);
        let began = tokio::time::Instant::now();
        let (parts, config) = second(&world, folder);
        let outcome = run(parts, config, Job::Units(world.units())).await.unwrap();
        assert_eq!(outcome.ended, Ended::Finished);
        assert_eq!(began.elapsed() >= world.config.pace.lease_term, waits);
        world.assert_all_done(1, 40).await;
    }
}

#[tokio::test(start_paused = true)]
async fn units_that_dead_holders_left_are_waited_for_together() {
    let corrupt = |operation: &str, key: &str, before: u32| {
        (operation == "copy" && key == "key-003" && before < 4)
            .then(|| Failure::permanent(Reason::new("CORRUPT_CAR"), "flipped byte"))
    };
    let world = World::new(4, 60, LATENCY, Box::new(corrupt)).await;
    assert!(world.crash(LATENCY * 40).await);
    let failed = world.store.failed_items(&FailedQuery::default()).await;
    let failed = failed.unwrap();
    assert!(failed.len() > 1, "{failed:?}");
    let began = tokio::time::Instant::now();
    let (parts, mut config) = second(&world, "here");
    config.units_at_once = 1;
    let outcome = run(parts, config, Job::RetryFailed(Retry::default()))
        .await
        .unwrap();
    assert_eq!(outcome.ended, Ended::Finished);
    let term = world.config.pace.lease_term;
    assert!(began.elapsed() >= term && began.elapsed() < term * 2);
}
