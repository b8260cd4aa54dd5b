//! Journals of machines whose clocks are hours apart: what counts is who held the unit later.

use std::time::Duration;

use super::super::world::{START, World, no_fault};
use super::{LATENCY, everything};
use crate::engine::{Ended, Job, RunParts, Stop, Within, plan_undo, rollback, run};
use crate::model::{InstanceId, RunId};
use crate::runtime::Clock;

use super::Copy;

const HOURS: Duration = Duration::from_hours(5);

/// A machine with a clock and a journal of its own.
struct Machine {
    instance: u32,
    clock: Clock,
}

impl Machine {
    fn parts(&self, world: &World) -> RunParts<Copy> {
        let parts = world.parts(&Stop::new());
        RunParts {
            clock: self.clock,
            store: world.store.clone().with_clock(self.clock),
            ..parts
        }
    }

    fn config(&self, world: &World, run: &str) -> crate::engine::Config {
        crate::engine::Config {
            instance: InstanceId::number(self.instance),
            run: RunId::new(run),
            ..world.next_config()
        }
    }

    async fn migrate(&self, world: &World, name: &str) {
        let (parts, config) = (self.parts(world), self.config(world, name));
        let job = Job::Units(world.units());
        let outcome = run(parts, config, job).await.unwrap();
        assert_eq!(outcome.ended, Ended::Finished, "{name}");
    }

    async fn to_undo(&self, world: &World, within: &Within) -> u64 {
        plan_undo(&self.parts(world), within)
            .await
            .unwrap()
            .to_undo()
    }

    async fn roll_back(&self, world: &World, name: &str) -> u64 {
        let (parts, config) = (self.parts(world), self.config(world, name));
        let found = plan_undo(&parts, &everything()).await.unwrap();
        let outcome = rollback(parts, config, found).await.unwrap();
        assert_eq!((outcome.ended, outcome.failed), (Ended::Finished, 0));
        outcome.undone.values().sum()
    }
}

#[tokio::test(start_paused = true)]
async fn of_two_journals_the_one_that_held_the_unit_later_counts_whatever_the_clocks_say() {
    let world = World::new(1, 6, LATENCY, no_fault()).await;
    let made = 6 * 2 + 1;
    let ahead = Machine {
        instance: 1,
        clock: Clock::set_to(START + HOURS),
    };
    let behind = Machine {
        instance: 2,
        clock: Clock::set_to(START - HOURS),
    };
    let of = |run: &str| Within {
        run: Some(RunId::new(run)),
        ..Within::default()
    };
    // Made by the fast clock, undone by the slow one: ten hours earlier, by their clocks.
    ahead.migrate(&world, "first").await;
    assert_eq!(behind.roll_back(&world, "back").await, made);
    assert_eq!(ahead.to_undo(&world, &everything()).await, 0);
    // Made again by the slow one: it is there, and the slow one's.
    behind.migrate(&world, "second").await;
    assert_eq!(ahead.to_undo(&world, &everything()).await, made);
    assert_eq!(ahead.to_undo(&world, &of("first")).await, 0);
    assert_eq!(behind.to_undo(&world, &of("second")).await, made);
    // Undone by the fast one and made again by the slow one: there.
    assert_eq!(ahead.roll_back(&world, "back again").await, made);
    behind.migrate(&world, "third").await;
    assert_eq!(ahead.to_undo(&world, &everything()).await, made);
    assert_eq!(ahead.roll_back(&world, "for good").await, made);
    assert!(world.paths().is_empty());
}
