//! Several holders, dead and alive.

use std::time::Duration;

use super::world::{World, done, elsewhere, name, no_fault};
use crate::engine::{Ended, Job, Retry, Stop, run};
use crate::model::{Failure, InstanceId, Reason, RunId, Status, Unit, UnitId};
use crate::state::{Grant, Reopen, TakeKind};

const LATENCY: Duration = Duration::from_millis(50);

fn unit(number: usize) -> Unit {
    Unit::new(UnitId::new("did:mailto:test:owner", name(number)))
}

#[tokio::test(start_paused = true)]
async fn a_lost_lease_stops_only_its_unit() {
    let mut world = World::new(2, 400, LATENCY, no_fault()).await;
    world.config.pace.lease_term = Duration::from_secs(6);
    let thief = async {
        tokio::time::sleep(Duration::from_secs(3)).await;
        let row = world
            .store
            .progress_row(&unit(0).id)
            .await
            .unwrap()
            .unwrap();
        let held = row.lease.unwrap();
        let take = TakeKind::Expired {
            epoch: held.epoch,
            beat: held.beat,
        };
        let (other, run) = (elsewhere(2), RunId::new("thief"));
        let grant = world
            .store
            .lease(&unit(0), &other, &run, &take, Reopen::No)
            .await
            .unwrap();
        assert!(matches!(grant, Grant::Leased { .. }));
        world.copy.calls.made.lock().unwrap().len()
    };
    let (outcome, _) = tokio::join!(world.run(), thief);
    assert!(
        matches!(outcome.ended, Ended::Held { .. }),
        "{:?}",
        outcome.ended
    );
    assert_eq!(world.row(1).await.status, Status::Completed);
    let lost = world.row(0).await;
    assert_eq!(lost.status, Status::InProgress);
    assert!(lost.counts.settled() < 400);
    assert_eq!(outcome.snapshot.in_flight, 0);
}

#[tokio::test(start_paused = true)]
async fn the_units_of_a_dead_instance_are_taken_over_after_a_term_without_a_beat() {
    let mut world = World::new(2, 40, LATENCY, no_fault()).await;
    assert!(world.crash(LATENCY * 30).await);
    world.config.instance = InstanceId::number(2);
    let start = tokio::time::Instant::now();
    let outcome = world.run().await;
    assert_eq!(outcome.ended, Ended::Finished);
    assert!(start.elapsed() >= world.config.pace.lease_term);
    assert!(start.elapsed() < world.config.pace.lease_term * 2);
    world.assert_all_done(2, 40).await;
    assert!(world.calls("copy") <= 80 + 4);
}

#[tokio::test(start_paused = true)]
async fn two_instances_share_units_and_do_nothing_twice() {
    let world = World::new(6, 30, LATENCY, no_fault()).await;
    let mut other = world.next_config();
    other.instance = InstanceId::number(2);
    let second = run(world.parts(&Stop::new()), other, Job::Units(world.units()));
    let (first, second) = tokio::join!(world.run(), second);
    let second = second.unwrap();
    for outcome in [&first, &second] {
        assert!(
            matches!(outcome.ended, Ended::Finished | Ended::Held { .. }),
            "{:?}",
            outcome.ended
        );
        assert!(outcome.counts.add_up());
    }
    world.assert_all_done(6, 30).await;
    assert_eq!(world.calls("copy"), 180);
}

#[tokio::test(start_paused = true)]
async fn a_living_holder_is_left_alone() {
    let world = World::new(1, 2_000, LATENCY, no_fault()).await;
    let mut other = world.next_config();
    other.instance = InstanceId::number(2);
    let late = async {
        tokio::time::sleep(Duration::from_secs(5)).await;
        run(world.parts(&Stop::new()), other, Job::Units(world.units()))
            .await
            .unwrap()
    };
    let (first, second) = tokio::join!(world.run(), late);
    assert_eq!(
        (first.ended.clone(), done(&first).done),
        (Ended::Finished, 2_000)
    );
    assert!(
        matches!(second.ended, Ended::Held { .. }),
        "{:?}",
        second.ended
    );
    assert_eq!(second.held[0].1.holder, world.config.holder());
    assert_eq!(world.calls("copy"), 2_000);
}

#[tokio::test(start_paused = true)]
async fn a_retry_takes_a_unit_over_from_a_holder_that_died() {
    let corrupt = |op: &str, key: &str, before: u32| {
        (op == "copy" && key == "key-003" && before == 0)
            .then(|| Failure::permanent(Reason::new("CORRUPT_CAR"), "flipped byte"))
    };
    let world = World::new(1, 10, LATENCY, Box::new(corrupt)).await;
    world.run().await;
    let (dead, run) = (elsewhere(9), RunId::new("dead"));
    let grant = world
        .store
        .lease(&unit(0), &dead, &run, &TakeKind::Unheld, Reopen::Yes)
        .await
        .unwrap();
    assert!(matches!(grant, Grant::Leased { .. }));
    let start = tokio::time::Instant::now();
    let retry = Job::RetryFailed(Retry::default());
    let outcome = world.run_job(retry, &Stop::new()).await;
    assert_eq!(outcome.ended, Ended::Finished);
    assert!(start.elapsed() >= world.config.pace.lease_term);
    world.assert_all_done(1, 10).await;
}
