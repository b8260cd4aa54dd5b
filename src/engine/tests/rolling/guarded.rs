//! A rollback beside others: those that live are named, and nothing is done; the dead are waited out and taken over.

use std::time::Duration;

use super::super::world::{World, no_fault};
use super::{LATENCY, everything};
use crate::engine::{Ended, Job, Stop, plan_undo, rollback, run, watch_others};
use crate::model::{FolderId, InstanceId, RunId};
use crate::runtime::Instant;

impl World {
    /// Another machine of this number.
    fn other(&self, number: u32, run: &str) -> crate::engine::Config {
        crate::engine::Config {
            instance: InstanceId::number(number),
            folder: Some(FolderId::new(format!("folder of {run}"))),
            run: RunId::new(run),
            host: format!("host of {run}"),
            adopt_own: true,
            ..self.config.clone()
        }
    }
}

#[tokio::test(start_paused = true)]
async fn whoever_lives_is_named_and_nothing_is_touched_whatever_its_number() {
    for number in [1, 2] {
        let world = World::new(2, 200, LATENCY, no_fault()).await;
        let stop = Stop::new();
        let working = run(
            world.parts(&stop),
            world.other(number, "worker"),
            Job::Units(world.units()),
        );
        let undoing = async {
            tokio::time::sleep(LATENCY * 30).await;
            let parts = world.parts(&Stop::new());
            let mut found = plan_undo(&parts, &everything()).await.unwrap();
            let busy = watch_others(&parts, &world.other(1, "back"), &mut found).await;
            let busy = busy.unwrap().expect("somebody works on it");
            for word in [
                &format!("instance {number}"),
                "host of worker",
                "run worker",
            ] {
                assert!(busy.who.contains(word), "{word}: {}", busy.who);
            }
            assert_eq!(busy.instances, [InstanceId::number(number)].into());
            stop.request(crate::engine::StopLevel::Drain, "enough");
        };
        let (outcome, ()) = tokio::join!(working, undoing);
        assert!(matches!(outcome.unwrap().ended, Ended::Stopped { .. }));
    }
}

#[tokio::test(start_paused = true)]
async fn the_dead_are_waited_out_for_one_term_and_free_units_not_at_all() {
    let world = World::new(2, 8, LATENCY, no_fault()).await;
    assert!(world.crash(LATENCY * 12).await);
    let back = world.other(2, "back");
    let term = back.pace.lease_term;
    let parts = world.parts(&Stop::new());
    let mut found = plan_undo(&parts, &everything()).await.unwrap();
    let began = Instant::now();
    let busy = watch_others(&parts, &back, &mut found).await.unwrap();
    assert_eq!(busy, None);
    assert!(began.elapsed() >= term && began.elapsed() < term * 2);
    let outcome = rollback(parts, back, found).await.unwrap();
    assert_eq!((outcome.ended, outcome.failed), (Ended::Finished, 0));
    assert!(world.paths().is_empty());
    let parts = world.parts(&Stop::new());
    let mut found = plan_undo(&parts, &everything()).await.unwrap();
    let began = Instant::now();
    let third = world.other(3, "third");
    assert_eq!(
        watch_others(&parts, &third, &mut found).await.unwrap(),
        None
    );
    assert!(began.elapsed() < Duration::from_secs(1));
}

#[tokio::test(start_paused = true)]
async fn of_two_rollbacks_at_once_the_second_is_refused_and_all_is_undone_once() {
    let world = World::new(2, 60, LATENCY, no_fault()).await;
    world.run().await;
    let first = async {
        let parts = world.parts(&Stop::new());
        let found = plan_undo(&parts, &everything()).await.unwrap();
        rollback(parts, world.other(2, "first"), found)
            .await
            .unwrap()
    };
    let second = async {
        tokio::time::sleep(LATENCY * 20).await;
        let parts = world.parts(&Stop::new());
        let mut found = plan_undo(&parts, &everything()).await.unwrap();
        watch_others(&parts, &world.other(3, "second"), &mut found)
            .await
            .unwrap()
    };
    let (outcome, busy) = tokio::join!(first, second);
    assert!(busy.unwrap().who.contains("run first"));
    assert_eq!((outcome.ended, outcome.failed), (Ended::Finished, 0));
    world.assert_undone(2, 60).await;
    assert_eq!(world.calls("undo"), 2 * (60 * 2 + 1));
}
