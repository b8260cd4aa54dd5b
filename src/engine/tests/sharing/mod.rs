//! Instances that share work: whole units of each other, and parts of giant units.

mod fixed;
mod giants;
mod stealing;

use std::time::Duration;

use super::calls::Fault;
use super::world::{World, no_fault};
use crate::engine::{Config, Job, Outcome, Stop, run};
use crate::model::{Counts, InstanceId, Stage, Unit};
use crate::state::ProgressRow;

pub(super) const LATENCY: Duration = Duration::from_millis(50);
pub(super) const KEYS: u64 = 240;

/// One unit of 240 keys, in parts of 20 when it is split.
pub(super) async fn giant() -> World {
    giant_with(no_fault()).await
}

pub(super) async fn giant_with(fault: Fault) -> World {
    let mut world = World::new(1, usize::try_from(KEYS).unwrap(), LATENCY, fault).await;
    world.config.steal = true;
    world.config.pace.split_above = 100;
    world.config.pace.part_items = 20;
    world.config.pace.lease_term = Duration::from_secs(3);
    world
}

pub(super) fn unit(world: &World) -> Unit {
    let unit = world.units().remove(0);
    Unit {
        planned: Some(KEYS),
        ..unit
    }
}

pub(super) fn as_instance(world: &World, number: u32) -> Config {
    Config {
        instance: InstanceId::number(number),
        ..world.next_config()
    }
}

pub(super) async fn instance(world: &World, number: u32, stop: &Stop) -> Outcome {
    let share = if number == 1 {
        vec![unit(world)]
    } else {
        // The first one has its unit by then.
        tokio::time::sleep(LATENCY * 4).await;
        Vec::new()
    };
    run(
        world.parts(stop),
        as_instance(world, number),
        Job::Units(share),
    )
    .await
    .unwrap()
}

/// An instance that dies after so long.
pub(super) async fn mortal(world: &World, number: u32, after: Duration) {
    let stop = Stop::new();
    let going = instance(world, number, &stop);
    assert!(
        tokio::time::timeout(after, going).await.is_err(),
        "it died in the middle of its work"
    );
}

pub(super) async fn parts(world: &World) -> Vec<ProgressRow> {
    let row = world.row(0).await;
    let cut = row.split.map(|split| split.cut);
    match cut {
        Some(cut) => world.store.parts(&row.unit, cut).await.unwrap(),
        None => Vec::new(),
    }
}

pub(super) fn by(outcome: &Outcome) -> u64 {
    outcome.helped.values().map(Counts::settled).sum()
}

/// The unit has ended, its parts are gone, and the calls were made once, but for so many in flight at deaths.
pub(super) async fn assert_done(world: &World, in_flight: u64) {
    world.assert_all_done(1, KEYS).await;
    let row = world.row(0).await;
    assert_eq!(row.split.unwrap().stage, Stage::Gone);
    assert!(parts(world).await.is_empty());
    assert!(world.store.open_parts(10).await.unwrap().is_empty());
    let copied = u64::from(world.calls("copy"));
    assert!((KEYS..=KEYS + in_flight).contains(&copied), "{copied}");
}
