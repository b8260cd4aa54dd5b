//! Runs that end in the middle, and those that go on.

use std::collections::BTreeMap;
use std::time::Duration;

use super::world::{World, done, elsewhere, no_fault};
use crate::engine::{Ended, EngineError, Job, Stop, StopLevel, run};
use crate::model::{Failure, ItemId, Pass, Reason, RunId, Status, Unit, UnitId, UnitProgress};
use crate::state::{Grant, Reopen, TakeKind};

const LATENCY: Duration = Duration::from_millis(50);

/// Everything that may be lost between two runs.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Lost {
    Nothing,
    File,
    Table,
    Both,
}

#[tokio::test(start_paused = true)]
async fn a_crash_at_any_time_loses_nothing_whatever_else_is_lost() {
    let (units, keys) = (2, 6);
    for (lost, step) in [
        (Lost::Nothing, LATENCY / 2),
        (Lost::File, LATENCY * 2),
        (Lost::Table, LATENCY * 2),
        (Lost::Both, LATENCY * 2),
    ] {
        let mut after = LATENCY / 2;
        loop {
            let mut world = World::new(units, keys, LATENCY, no_fault()).await;
            world.config.pace.checkpoint_every = Duration::from_millis(200);
            let crashed = world.crash(after).await;
            if lost == Lost::File || lost == Lost::Both {
                world.lose_file();
            }
            if lost == Lost::Table || lost == Lost::Both {
                world.lose_table().await;
            }
            let outcome = world.run().await;
            assert_eq!(outcome.ended, Ended::Finished, "{lost:?} {after:?}");
            assert_eq!(done(&outcome).done, 12, "{lost:?} {after:?}");
            world.assert_all_done(units, 6).await;
            assert_eq!(world.reported_items().len(), 12, "{lost:?} {after:?}");
            // Only what was in flight may have been done twice.
            assert!(world.calls("copy") <= 12 + 4, "{lost:?} {after:?}");
            if !crashed {
                break;
            }
            after += step;
        }
        assert!(after > LATENCY * 15, "the crashes hit the work");
    }
}

#[tokio::test(start_paused = true)]
async fn a_drain_settles_what_is_in_flight_and_gives_the_units_back_at_once() {
    let mut world = World::new(2, 40, LATENCY, no_fault()).await;
    // Another process goes on, without waiting for a lease to run out.
    world.config.adopt_own = false;
    let stop = Stop::new();
    let signal = async {
        tokio::time::sleep(LATENCY * 30).await;
        stop.request(StopLevel::Drain, "SIGTERM");
    };
    let (outcome, ()) = tokio::join!(world.run_job(Job::Units(world.units()), &stop), signal);
    let reason = "SIGTERM".to_owned();
    assert_eq!(
        outcome.ended,
        Ended::Stopped {
            reason,
            aborted: false
        }
    );
    let settled = done(&outcome).done;
    assert!(settled > 0 && settled < 80);
    assert_eq!(outcome.snapshot.in_flight, 0);
    assert_eq!(world.calls("written"), 2 * u32::try_from(settled).unwrap());
    let rows = [world.row(0).await, world.row(1).await];
    assert_eq!(rows.iter().map(|row| row.counts.done).sum::<u64>(), settled);
    let start = tokio::time::Instant::now();
    let outcome = world.run().await;
    assert!(start.elapsed() < world.config.pace.lease_term);
    assert_eq!(done(&outcome).done, 80);
    world.assert_all_done(2, 40).await;
    assert_eq!(world.calls("copy"), 80, "nothing twice");
}

#[tokio::test(start_paused = true)]
async fn a_drain_reports_how_far_the_units_are_that_it_never_came_to() {
    let mut world = World::new(3, 4, LATENCY, no_fault()).await;
    world.config.limit = Some(6);
    assert_eq!(done(&world.run().await).done, 6);
    world.config.limit = None;
    let rows = world
        .store
        .progress_of("did:mailto:test:owner")
        .await
        .unwrap();
    let ended = rows.iter().filter(|row| row.progress.status.is_ended());
    let ended = ended.count() as u64;
    let drained = Stop::new();
    drained.request(StopLevel::Drain, "drained by the operator");
    let outcome = world.run_job(Job::Units(world.units()), &drained).await;
    assert!(matches!(outcome.ended, Ended::Stopped { .. }));
    let planned: u64 = rows.iter().map(|row| row.progress.counts.planned).sum();
    assert_eq!((outcome.counts.done, outcome.counts.planned), (6, planned));
    assert_eq!(outcome.unfinished, 3 - ended);
    assert_eq!(outcome.snapshot.this_run.settled(), 0);
    assert!(outcome.snapshot.adds_up());
    // Where nothing is left, there was nothing to stop.
    assert_eq!(done(&world.run().await).done, 12);
    let outcome = world.run_job(Job::Units(world.units()), &drained).await;
    assert_eq!(outcome.ended, Ended::Finished);
    assert_eq!((done(&outcome).done, outcome.unfinished), (12, 0));
}

#[tokio::test(start_paused = true)]
async fn what_no_row_holds_is_not_called_settled_at_the_end() {
    // Waits for another attempt when the drain comes: what is settled above it is in no row.
    let stuck = |op: &str, key: &str, _: u32| {
        let failure = || Failure::transient(Reason::SERVICE_ERROR, "500");
        (op == "copy" && key == "key-002").then(failure)
    };
    let mut world = World::new(1, 40, LATENCY, Box::new(stuck)).await;
    world.config.pace.attempts = 1_000;
    world.config.pace.attempt_wait = Duration::from_mins(1);
    let stop = Stop::new();
    let signal = async {
        tokio::time::sleep(LATENCY * 60).await;
        stop.request(StopLevel::Drain, "SIGTERM");
    };
    let (outcome, ()) = tokio::join!(world.run_job(Job::Units(world.units()), &stop), signal);
    let row = world.row(0).await;
    assert_eq!(row.counts.settled(), 2);
    assert_eq!(outcome.counts.settled(), 2);
    assert_eq!(outcome.snapshot.this_run.settled(), 2);
    assert!(outcome.snapshot.adds_up() && world.target().len() > 4);
}

#[tokio::test(start_paused = true)]
async fn an_abort_drops_what_is_in_flight_and_the_next_run_goes_on() {
    let world = World::new(1, 40, LATENCY, no_fault()).await;
    let stop = Stop::new();
    let signal = async {
        tokio::time::sleep(LATENCY * 30).await;
        stop.request(StopLevel::Abort, "second SIGINT");
    };
    let start = tokio::time::Instant::now();
    let (outcome, ()) = tokio::join!(world.run_job(Job::Units(world.units()), &stop), signal);
    assert!(matches!(
        outcome.ended,
        Ended::Stopped { aborted: true, .. }
    ));
    assert!(start.elapsed() < LATENCY * 31);
    assert_eq!(done(&world.run().await).done, 40);
    world.assert_all_done(1, 40).await;
}

#[tokio::test(start_paused = true)]
async fn the_row_alone_spares_the_probes_of_what_is_settled() {
    for lost in [Lost::Nothing, Lost::File] {
        let mut world = World::new(1, 200, LATENCY, no_fault()).await;
        world.config.pace.checkpoint_every = Duration::from_millis(500);
        world.config.pace.lease_term = Duration::from_secs(3);
        assert!(world.crash(LATENCY * 250).await);
        if lost == Lost::File {
            world.lose_file();
        }
        let looked = world.calls("probe");
        assert!(looked > 200, "{looked}");
        world.run().await;
        world.assert_all_done(1, 200).await;
        // Two looks for each of 200 items, and again for half a second of bookkeeping.
        assert!(
            world.calls("probe") < 400 + 40,
            "{lost:?}: {}",
            world.calls("probe")
        );
    }
}

/// The rows are gone: what the file says of them is looked at, item by item, and nothing is made twice.
#[tokio::test(start_paused = true)]
async fn a_file_does_not_stand_in_for_rows_that_are_gone() {
    let mut world = World::new(2, 10, LATENCY, no_fault()).await;
    world.run().await;
    let looked = world.calls("probe");
    world.lose_table().await;
    let outcome = world.run().await;
    let counts = done(&outcome);
    assert_eq!(
        (outcome.ended.clone(), counts.done, counts.found),
        (Ended::Finished, 20, 20)
    );
    assert_eq!(world.calls("probe"), looked + 20);
    assert_eq!(world.calls("copy"), 20, "nothing twice");
    world.assert_all_done(2, 10).await;
}

/// Tables and target are others under the same names; the file is of the former ones.
#[tokio::test(start_paused = true)]
async fn a_file_of_a_world_that_is_gone_is_not_trusted_over_pending_rows() {
    let mut world = World::new(2, 10, LATENCY, no_fault()).await;
    // Whatever the file holds: of an ended world, and of one that was stopped in the middle.
    world.run().await;
    for after in [20, 8] {
        world.lose_table().await;
        world.empty_target();
        world.crash(LATENCY * after).await;
        world.lose_table().await;
        world.empty_target();
        let counts = done(&world.run().await);
        assert_eq!((counts.done, counts.found), (20, 0));
        world.assert_all_done(2, 10).await;
    }
}

/// The rows are those of a backup: of an earlier time, with the epoch that they had. The target is as it was left, or
/// as it was at the time of the backup; the file is of a unit that went on, or of one that ended since and that it
/// tells no more of.
#[tokio::test(start_paused = true)]
async fn rows_of_a_backup_are_right_whatever_the_file_says() {
    for (target_too, has_ended) in [(false, false), (false, true), (true, false), (true, true)] {
        let mut world = World::new(1, 40, LATENCY, no_fault()).await;
        world.config.pace.checkpoint_every = Duration::from_millis(200);
        world.config.pace.lease_term = Duration::from_secs(3);
        assert!(world.crash(LATENCY * 30).await);
        let backup = world.raw_row(0).await;
        let (kept, settled) = (world.target(), world.row(0).await.counts.settled());
        assert!(settled > 0 && settled < 30, "{settled}");
        if has_ended {
            let first = done(&world.run().await);
            // What was in flight at the crash was found by the second process.
            assert!(first.found <= 4, "{first:?}");
        } else {
            assert!(world.crash(LATENCY * 25).await);
        }
        let before = world.row(0).await.counts;
        assert!(before.settled() > settled, "{before:?}");
        world.put_raw_row(backup).await;
        if target_too {
            world.restore_target(&kept);
        }
        let made = world.calls("copy");
        let counts = done(&world.run().await);
        assert_eq!(counts.done, 40);
        world.assert_all_done(1, 40).await;
        let row = world.row(0).await.counts;
        if target_too {
            assert!(world.calls("copy") > made, "it was done again");
        } else if has_ended {
            assert_eq!(world.calls("copy"), made, "nothing twice");
            assert!(
                row.found >= 40 - settled - 4,
                "nobody says who made it: {row:?}"
            );
        } else {
            // In flight at one crash or the other.
            assert!(row.found <= 8, "what was migrated stays so: {row:?}");
        }
        let told = world.reported_items();
        assert_eq!(told.len(), 40);
    }
}

#[tokio::test(start_paused = true)]
async fn the_checkpoint_of_another_environment_is_refused() {
    let mut world = World::new(1, 3, LATENCY, no_fault()).await;
    world.run().await;
    world.config.identity = "production".into();
    let job = Job::Units(world.units());
    let refused = run(world.parts(&Stop::new()), world.next_config(), job).await;
    assert!(
        matches!(refused, Err(EngineError::Foreign { found, wanted, .. })
        if found.contains("test") && wanted.contains("production"))
    );
    assert_eq!(world.row(0).await.status, Status::Completed);
}

#[tokio::test(start_paused = true)]
async fn the_time_allowed_ends_the_run_with_work_left() {
    let mut world = World::new(1, 100, LATENCY, no_fault()).await;
    world.config.max_duration = Some(LATENCY * 20);
    let outcome = world.run().await;
    assert!(matches!(
        outcome.ended,
        Ended::Stopped { aborted: false, .. }
    ));
    assert_eq!(world.row(0).await.status, Status::InProgress);
}

#[tokio::test(start_paused = true)]
async fn whatever_the_row_counts_has_its_result_line_on_disk() {
    let mut world = World::new(1, 100, LATENCY, no_fault()).await;
    // Only the row is written in time, and never the checkpoint.
    world.config.pace.checkpoint_every = Duration::from_hours(1);
    world.config.pace.checkpoint_items = 1_000;
    world.config.pace.lease_term = Duration::from_secs(3);
    assert!(world.crash(LATENCY * 100).await);
    let counted = world.row(0).await.counts.settled();
    assert!(counted > 10, "{counted}");
    let results = world.dir.path().join("state/instance-1-results.ndjson");
    let lines = std::fs::read_to_string(results).unwrap().lines().count();
    assert!(lines as u64 >= counted, "{lines} lines, {counted} counted");
}

#[tokio::test(start_paused = true)]
async fn what_came_below_the_cursor_while_nobody_listed_is_done() {
    let world = World::new(1, 10, LATENCY, no_fault()).await;
    let unit = Unit::new(UnitId::new("did:mailto:test:owner", "unit-00"));
    let (dead, run) = (elsewhere(9), RunId::new("dead"));
    let grant = world
        .store
        .lease(&unit, &dead, &run, &TakeKind::Unheld, Reopen::No);
    let Grant::Leased { mut lease, .. } = grant.await.unwrap() else {
        panic!("not leased");
    };
    // A second pass, which an earlier process ended in the middle.
    let mut progress = UnitProgress::pending(&unit);
    progress.status = Status::InProgress;
    let now = world.clock.now();
    progress.pass = Pass::first(now).next(now);
    progress.cursor = Some(ItemId::new("key-008"));
    world.store.save(&mut lease, &progress).await.unwrap();
    world.store.release(lease, &progress).await.unwrap();
    let came = BTreeMap::from([("key-002".to_owned(), now)]);
    *world.copy.calls.added_at.lock().unwrap() = came;
    world.run().await;
    assert_eq!(world.target()["unit-00/key-002"], b"0/2");
}

#[tokio::test(start_paused = true)]
async fn the_checkpoint_holds_open_units_alone_however_many_have_ended() {
    let mut world = World::new(40, 3, LATENCY, no_fault()).await;
    world.config.pace.checkpoint_items = 1;
    let at_once = world.config.units_at_once as usize;
    let in_file = || {
        let (disk, state) = (world.store.disk(), world.store.config());
        let found = crate::state::checkpoint::load(disk, state, &world.config.instance);
        found.unwrap().map_or(0, |file| file.units.len())
    };
    let ended = std::sync::atomic::AtomicBool::new(false);
    let run = async {
        let outcome = world.run().await;
        ended.store(true, std::sync::atomic::Ordering::SeqCst);
        outcome
    };
    let watch = async {
        let mut most = 0;
        while !ended.load(std::sync::atomic::Ordering::SeqCst) {
            tokio::time::sleep(LATENCY).await;
            most = most.max(in_file());
        }
        most
    };
    let (outcome, most) = tokio::join!(run, watch);
    assert_eq!(outcome.ended, Ended::Finished);
    assert!(
        (1..=at_once).contains(&most),
        "{most} units were in the file"
    );
    assert_eq!(in_file(), 0);
    // A file of an earlier version has them: they leave it, too.
    world.run().await;
    assert_eq!(in_file(), 0);
    world.assert_all_done(40, 3).await;
}
