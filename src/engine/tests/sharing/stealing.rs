//! Help between instances: units are done once, whoever does them, and the counts stay apart.

use std::time::Duration;

use crate::engine::tests::world::{World, done, no_fault};
use crate::engine::{Config, Ended, Job, Outcome, Stop, run};
use crate::model::{Failure, InstanceId, Reason, Unit};

const LATENCY: Duration = Duration::from_millis(50);
const KEYS: u64 = 30;

fn instance(number: u32) -> InstanceId {
    InstanceId::number(number)
}

/// A world whose units are planned for instances in turn: of `of` instances, each has its share.
async fn shared(units: usize, of: u32) -> (World, Vec<Vec<Unit>>) {
    let mut world = World::new(units, usize::try_from(KEYS).unwrap(), LATENCY, no_fault()).await;
    world.config.steal = true;
    let mut shares = vec![Vec::new(); of as usize];
    for (place, mut unit) in world.units().into_iter().enumerate() {
        unit.planned = Some(KEYS);
        let share = place % shares.len();
        let number = instance(u32::try_from(share).unwrap() + 1);
        world.store.plan_unit(&unit, &number).await.unwrap();
        shares[share].push(unit);
    }
    (world, shares)
}

fn as_instance(world: &World, number: u32) -> Config {
    Config {
        instance: instance(number),
        ..world.next_config()
    }
}

async fn work(world: &World, number: u32, share: &[Unit]) -> Outcome {
    let (parts, config) = (world.parts(&Stop::new()), as_instance(world, number));
    run(parts, config, Job::Units(share.to_vec()))
        .await
        .unwrap()
}

fn helped(outcome: &Outcome) -> u64 {
    let settled = outcome.helped.values().map(|counts| {
        assert!(counts.add_up());
        counts.settled()
    });
    settled.sum()
}

#[tokio::test(start_paused = true)]
async fn an_idle_instance_does_what_nobody_began() {
    let (world, shares) = shared(9, 3).await;
    let outcome = work(&world, 1, &shares[0]).await;
    assert_eq!(outcome.ended, Ended::Finished);
    assert_eq!(done(&outcome).done, 3 * KEYS, "its own");
    for other in [2, 3] {
        assert_eq!(outcome.helped[&instance(other)].done, 3 * KEYS);
    }
    assert_eq!(outcome.snapshot.units.helped, 6);
    world.assert_all_done(9, KEYS).await;
    assert_eq!(u64::from(world.calls("copy")), 9 * KEYS);
    // The instance that was helped finds its share ended, and counts it as its own.
    let outcome = work(&world, 2, &shares[1]).await;
    assert_eq!((done(&outcome).done, helped(&outcome)), (3 * KEYS, 0));
    assert_eq!(outcome.snapshot.elsewhere.done, 3 * KEYS);
    assert_eq!(u64::from(world.calls("copy")), 9 * KEYS);
}

#[tokio::test(start_paused = true)]
async fn without_help_the_units_of_others_are_left_alone() {
    let (mut world, shares) = shared(2, 2).await;
    world.config.steal = false;
    assert_eq!(work(&world, 1, &shares[0]).await.ended, Ended::Finished);
    assert_eq!(u64::from(world.calls("copy")), KEYS);
}

#[tokio::test(start_paused = true)]
async fn who_has_little_helps_who_has_much_and_nothing_is_done_twice() {
    let (world, shares) = shared(12, 1).await;
    let (owner, helper) = tokio::join!(work(&world, 1, &shares[0]), work(&world, 2, &[]));
    for outcome in [&owner, &helper] {
        assert_eq!(outcome.ended, Ended::Finished);
    }
    world.assert_all_done(12, KEYS).await;
    assert_eq!(u64::from(world.calls("copy")), 12 * KEYS);
    let by_helper = helped(&helper);
    assert!(by_helper >= 3 * KEYS, "{by_helper}");
    assert_eq!(done(&owner).done, 12 * KEYS);
    assert_eq!(owner.snapshot.elsewhere.done, by_helper);
    assert_eq!(helper.counts.planned, 0);
}

#[tokio::test(start_paused = true)]
async fn the_others_finish_what_a_dead_instance_held() {
    let (world, shares) = shared(9, 3).await;
    let third = async {
        let (parts, config) = (world.parts(&Stop::new()), as_instance(&world, 3));
        let going = run(parts, config, Job::Units(shares[2].clone()));
        let died = tokio::time::timeout(LATENCY * 40, going).await;
        assert!(died.is_err(), "it died in the middle of its work");
    };
    let (first, second, ()) = tokio::join!(
        work(&world, 1, &shares[0]),
        work(&world, 2, &shares[1]),
        third
    );
    for outcome in [&first, &second] {
        assert_eq!(outcome.ended, Ended::Finished);
        assert_eq!(done(outcome).done, 3 * KEYS);
    }
    world.assert_all_done(9, KEYS).await;
    // What was in flight at the death may have been made again, and nothing else.
    let copied = u64::from(world.calls("copy"));
    let in_flight = u64::from(world.config.concurrency);
    assert!(
        (9 * KEYS..=9 * KEYS + in_flight).contains(&copied),
        "{copied}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_helper_stays_until_a_living_holder_is_done() {
    let (mut world, shares) = shared(1, 1).await;
    world.config.pace.lease_term = Duration::from_secs(2);
    let (owner, helper) = tokio::join!(work(&world, 1, &shares[0]), async {
        tokio::time::sleep(LATENCY * 4).await;
        work(&world, 2, &[]).await
    });
    assert_eq!(
        (owner.ended, helper.ended),
        (Ended::Finished, Ended::Finished)
    );
    assert!(helper.helped.is_empty());
    assert_eq!(u64::from(world.calls("copy")), KEYS);
}

#[tokio::test(start_paused = true)]
async fn a_unit_that_nobody_can_list_does_not_keep_a_helper_for_ever() {
    let refused = |op: &str, _: &str, _: u32| {
        (op == "list").then(|| Failure::transient(Reason::UNREACHABLE, "refused"))
    };
    let mut world = World::new(1, 5, LATENCY, Box::new(refused)).await;
    world.config.steal = true;
    let unit = world.units().remove(0);
    world.store.plan_unit(&unit, &instance(2)).await.unwrap();
    let outcome = work(&world, 1, &[]).await;
    assert!(
        matches!(outcome.ended, Ended::Trouble { .. }),
        "{:?}",
        outcome.ended
    );
    assert_eq!(outcome.troubled.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn what_a_helper_did_is_in_its_result_lines_and_its_fleet_row() {
    let (world, _) = shared(1, 1).await;
    work(&world, 2, &[]).await;
    let results = world.dir.path().join("state/instance-2-results.ndjson");
    let lines = std::fs::read_to_string(results).unwrap();
    assert_eq!(lines.matches(r#""helping":"1""#).count() as u64, KEYS);
    let fleet = world.store.fleet().await.unwrap();
    assert_eq!(fleet[0].helped[&instance(1)].done, KEYS);
    assert_eq!(fleet[0].counts.planned, 0);
}
