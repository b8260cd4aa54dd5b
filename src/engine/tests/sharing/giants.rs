//! Giant units: split into parts that instances share, each item done once, the sum right at every end.

use super::{KEYS, LATENCY, as_instance, assert_done, by, giant, instance, mortal, parts, unit};
use crate::engine::tests::world::{done, key_name};
use crate::engine::{Ended, Events, Job, RunParts, Stop, run};
use crate::model::{Counts, InstanceId, Stage, Status, Unit};

#[tokio::test(start_paused = true)]
async fn three_instances_share_one_giant_unit() {
    let world = giant().await;
    let stop = Stop::new();
    let (first, second, third) = tokio::join!(
        instance(&world, 1, &stop),
        instance(&world, 2, &stop),
        instance(&world, 3, &stop)
    );
    for outcome in [&first, &second, &third] {
        assert_eq!(outcome.ended, Ended::Finished);
        assert!(outcome.snapshot.adds_up());
    }
    assert_done(&world, 0).await;
    assert_eq!((done(&first).done, first.counts.planned), (KEYS, KEYS));
    for helper in [&second, &third] {
        assert!(by(helper) >= KEYS / 6, "{}", by(helper));
        assert_eq!(helper.counts.planned, 0);
        assert!(helper.helped.contains_key(&InstanceId::number(1)));
    }
    assert_eq!(
        first.snapshot.elsewhere.done,
        by(&second) + by(&third),
        "what others did"
    );
}

#[tokio::test(start_paused = true)]
async fn alone_it_takes_part_after_part_and_a_small_unit_is_not_split() {
    let mut world = giant().await;
    world.config.steal = false;
    let outcome = instance(&world, 1, &Stop::new()).await;
    assert_eq!(outcome.ended, Ended::Finished);
    assert_eq!(outcome.snapshot.elsewhere.settled(), 0);
    assert_eq!(done(&outcome).done, KEYS);
    assert_done(&world, 0).await;
    let again = instance(&world, 1, &Stop::new()).await;
    assert_eq!(
        (again.ended, world.calls("copy")),
        (Ended::Finished, u32::try_from(KEYS).unwrap())
    );

    let small = giant().await;
    let unit = Unit {
        planned: Some(100),
        ..unit(&small)
    };
    small.run_job(Job::Units(vec![unit]), &Stop::new()).await;
    small.assert_all_done(1, KEYS).await;
    assert!(small.row(0).await.split.is_none());
}

#[tokio::test(start_paused = true)]
async fn a_unit_that_shrank_since_it_was_planned_is_not_split() {
    let world = giant().await;
    for key in 90..KEYS {
        let path = world.copy.from.join("unit-00");
        std::fs::remove_file(path.join(key_name(usize::try_from(key).unwrap()))).unwrap();
    }
    let outcome = instance(&world, 1, &Stop::new()).await;
    assert_eq!(outcome.ended, Ended::Finished);
    world.assert_all_done(1, 90).await;
    assert!(world.row(0).await.split.is_none());
}

#[tokio::test(start_paused = true)]
async fn a_helper_dies_and_its_part_goes_on() {
    let world = giant().await;
    let stop = Stop::new();
    let (first, third, ()) = tokio::join!(
        instance(&world, 1, &stop),
        instance(&world, 3, &stop),
        mortal(&world, 2, LATENCY * 20)
    );
    for outcome in [&first, &third] {
        assert_eq!(outcome.ended, Ended::Finished);
    }
    assert_eq!(done(&first).done, KEYS);
    assert_done(&world, u64::from(world.config.concurrency)).await;
}

#[tokio::test(start_paused = true)]
async fn the_holder_dies_and_a_helper_ends_the_unit() {
    let world = giant().await;
    let stop = Stop::new();
    let (second, third, ()) = tokio::join!(
        instance(&world, 2, &stop),
        instance(&world, 3, &stop),
        mortal(&world, 1, LATENCY * 20)
    );
    for outcome in [&second, &third] {
        assert_eq!(outcome.ended, Ended::Finished);
    }
    let by_helpers = by(&second) + by(&third);
    assert!(by_helpers > KEYS / 2, "{by_helpers}");
    assert_done(&world, u64::from(world.config.concurrency)).await;
    let back = instance(&world, 1, &Stop::new()).await;
    assert_eq!(
        (back.ended, back.counts.done),
        (Ended::Finished, KEYS),
        "it finds its unit ended"
    );
}

#[tokio::test(start_paused = true)]
async fn both_die_and_the_next_run_goes_on_from_rows_or_file_or_neither() {
    for (lose_file, lose_table) in [(false, false), (true, false), (false, true), (true, true)] {
        let mut world = giant().await;
        tokio::join!(
            mortal(&world, 1, LATENCY * 45),
            mortal(&world, 2, LATENCY * 30)
        );
        if lose_file {
            world.lose_file();
        }
        if lose_table {
            world.lose_table().await;
        }
        let outcome = instance(&world, 1, &Stop::new()).await;
        assert_eq!(outcome.ended, Ended::Finished, "{lose_file} {lose_table}");
        assert_eq!(done(&outcome).done, KEYS);
        assert_done(&world, 2 * u64::from(world.config.concurrency)).await;
    }
}

#[tokio::test(start_paused = true)]
async fn what_was_begun_before_the_cut_is_in_the_first_part() {
    let mut world = giant().await;
    world.config.pace.split_above = 1_000;
    assert!(world.crash(LATENCY * 40).await);
    let before = world.row(0).await;
    assert!(before.counts.done > 5, "{before:?}");
    world.config.pace.split_above = 100;
    world.config.limit = Some(3);
    let outcome = instance(&world, 1, &Stop::new()).await;
    assert_eq!(outcome.ended, Ended::Limit);
    let row = world.row(0).await;
    let split = row.split.as_ref().unwrap();
    assert_eq!(split.stage, Stage::Open);
    let rows = parts(&world).await;
    assert_eq!(rows.len(), usize::try_from(split.number).unwrap());
    let sum: Counts = rows.iter().map(|row| row.progress.counts).sum();
    assert_eq!((row.counts, row.counts.planned), (sum, KEYS));
    assert!(split.before.done >= before.counts.done);
    assert!(rows[0].progress.counts.done > split.before.done);
    assert_eq!(outcome.counts.done, row.counts.done);
    world.config.limit = None;
    let outcome = instance(&world, 1, &Stop::new()).await;
    assert_eq!(outcome.ended, Ended::Finished);
    assert_eq!(done(&outcome).done, KEYS);
    assert_done(&world, u64::from(world.config.concurrency)).await;
}

#[tokio::test(start_paused = true)]
async fn a_drain_gives_unit_and_part_back_at_once() {
    let world = giant().await;
    let stop = Stop::new();
    let drained = async {
        tokio::time::sleep(LATENCY * 30).await;
        stop.request(crate::runtime::StopLevel::Drain, "enough");
    };
    let (first, second, ()) = tokio::join!(
        instance(&world, 1, &stop),
        instance(&world, 2, &stop),
        drained
    );
    for outcome in [&first, &second] {
        assert!(
            matches!(
                outcome.ended,
                Ended::Stopped { aborted: false, .. } | Ended::Finished
            ),
            "{:?}",
            outcome.ended
        );
        assert!(outcome.snapshot.adds_up());
    }
    let rows = parts(&world).await;
    assert!(rows.iter().all(|row| row.lease.is_none()));
    let sum: Counts = rows.iter().map(|row| row.progress.counts).sum();
    let settled = world.row(0).await.counts.settled();
    assert!(settled > 0 && settled <= sum.settled());
    let outcome = instance(&world, 1, &Stop::new()).await;
    assert_eq!(
        (outcome.ended.clone(), done(&outcome).done),
        (Ended::Finished, KEYS)
    );
    assert_done(&world, 0).await;
}

#[tokio::test(start_paused = true)]
async fn an_instance_that_does_not_help_leaves_the_parts_alone() {
    let mut world = giant().await;
    world.config.steal = false;
    let stop = Stop::new();
    let other = async {
        tokio::time::sleep(LATENCY * 10).await;
        let job = Job::Units(vec![unit(&world)]);
        run(world.parts(&stop), as_instance(&world, 2), job)
            .await
            .unwrap()
    };
    let (first, second) = tokio::join!(instance(&world, 1, &stop), other);
    assert_eq!(first.ended, Ended::Finished);
    assert!(
        matches!(second.ended, Ended::Held { .. }),
        "{:?}",
        second.ended
    );
    assert_done(&world, 0).await;
}

#[tokio::test(start_paused = true)]
async fn late_arrivals_in_every_part_are_found() {
    let world = giant().await;
    let late = async {
        tokio::time::sleep(LATENCY * 12).await;
        let now = world.clock.now();
        for after in [0, 100, 239] {
            let key = format!("{}-late", key_name(after));
            std::fs::write(world.copy.from.join("unit-00").join(&key), "late").unwrap();
            world.copy.calls.added_at.lock().unwrap().insert(key, now);
        }
    };
    let stop = Stop::new();
    let (first, _, ()) = tokio::join!(instance(&world, 1, &stop), instance(&world, 2, &stop), late);
    assert_eq!(
        (first.ended.clone(), done(&first).done),
        (Ended::Finished, KEYS + 3)
    );
    let row = world.row(0).await;
    assert_eq!((row.status, row.counts.done), (Status::Completed, KEYS + 3));
    assert_eq!(u64::from(world.calls("copy")), KEYS + 3);
}

#[tokio::test(start_paused = true)]
async fn nothing_is_counted_twice_in_a_snapshot_at_any_instant() {
    let world = giant().await;
    let (stop, events) = (Stop::new(), Events::new(world.clock));
    let parts = RunParts {
        events: events.clone(),
        ..world.parts(&stop)
    };
    let watching = async {
        loop {
            tokio::time::sleep(LATENCY / 2).await;
            let snapshot = events.snapshot();
            assert!(snapshot.adds_up(), "{snapshot:?}");
            let target = world.target().len() as u64;
            assert!(
                snapshot.counts.settled() <= target,
                "{:?} of {target}",
                snapshot.counts
            );
            assert!(snapshot.counts.planned <= KEYS);
        }
    };
    let config = as_instance(&world, 1);
    let going = run(parts, config, Job::Units(vec![unit(&world)]));
    let both = async { tokio::join!(going, instance(&world, 2, &stop)) };
    let (first, _) = tokio::select! {
        biased;
        both = both => both,
        () = watching => unreachable!(),
    };
    assert_eq!(done(&first.unwrap()).done, KEYS);
}
