//! Runs that nothing disturbs.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use super::calls::{Later, hides};
use super::simulation::request::{Answer, Asks, EffectFilter, Request};
use super::world::{World, done, key_name, no_fault};
use crate::engine::{Ended, Job, StepFilter, Stop, StopLevel};
use crate::model::{ControlCommand, Status, StepName, StepState, UnitId, UnixMillis};
use crate::state::rows::{Memory, RowsError};
use crate::state::{Scope, Store};

const LATENCY: Duration = Duration::from_millis(50);

#[tokio::test(start_paused = true)]
async fn everything_is_copied_and_a_second_run_has_nothing_to_do() {
    let world = World::new(3, 20, LATENCY, no_fault()).await;
    let first = world.run().await;
    assert_eq!(first.ended, Ended::Finished);
    assert_eq!((done(&first).done, done(&first).found), (60, 0));
    world.assert_all_done(3, 20).await;
    let calls = world.calls("copy");
    let second = world.run().await;
    assert_eq!(second.ended, Ended::Finished);
    assert_eq!(done(&second), done(&first));
    assert_eq!((world.calls("copy"), calls), (60, 60));
    assert_eq!(
        world.calls("probe"),
        120,
        "one look before, one after, none in the second run"
    );
}

#[tokio::test(start_paused = true)]
async fn an_item_that_is_complete_costs_one_probe_and_no_effect() {
    let world = World::new(1, 10, LATENCY, no_fault()).await;
    world.run().await;
    let again: Vec<_> = (0..10)
        .map(|key| (UnitId::new("o", "unit-00"), key_name(key).as_str().into()))
        .collect();
    let outcome = world.run_job(Job::Items(again), &Stop::new()).await;
    assert_eq!((done(&outcome).done, done(&outcome).found), (10, 10));
    assert_eq!(world.calls("probe"), 30);
    assert_eq!(world.calls("copy"), 10);
}

#[tokio::test(start_paused = true)]
async fn sixteen_at_once_are_ten_times_as_fast_as_one() {
    let mut took = Vec::new();
    for concurrency in [1, 16] {
        let mut world = World::new(2, 48, LATENCY, no_fault()).await;
        world.config.concurrency = concurrency;
        let start = tokio::time::Instant::now();
        world.run().await;
        world.assert_all_done(2, 48).await;
        took.push(start.elapsed().as_secs_f64());
    }
    assert!(took[0] >= 10.0 * took[1], "{took:?}");
}

#[tokio::test(start_paused = true)]
async fn what_shows_late_is_probed_again_and_not_made_again() {
    let file = Later::default();
    let world = World::new(1, 5, LATENCY, hides("key-002", 1..5, &file)).await;
    file.set(world.copy.to.0.join("unit-00/key-002")).unwrap();
    let began = tokio::time::Instant::now();
    let outcome = world.run().await;
    assert_eq!((done(&outcome).done, world.calls("copy")), (5, 5));
    let looks = world.copy.calls.made.lock().unwrap();
    assert_eq!(looks[&("probe".into(), "key-002".into())], 6);
    // Each of the four waits is twice as long as the one before.
    assert!(began.elapsed() >= world.config.pace.verify_wait * 15);
}

#[tokio::test(start_paused = true)]
async fn a_limit_ends_the_run_and_completes_no_unit() {
    let mut world = World::new(2, 20, LATENCY, no_fault()).await;
    world.config.limit = Some(10);
    world.config.units_at_once = 1;
    let outcome = world.run().await;
    assert_eq!(outcome.ended, Ended::Limit);
    assert_eq!(done(&outcome).done, 10);
    assert_eq!(world.row(0).await.status, Status::InProgress);
    world.config.limit = None;
    assert_eq!(world.run().await.ended, Ended::Finished);
    world.assert_all_done(2, 20).await;
    assert_eq!(world.calls("copy"), 40);
}

#[tokio::test(start_paused = true)]
async fn a_limit_is_one_number_for_the_whole_run() {
    let mut world = World::new(3, 20, LATENCY, no_fault()).await;
    world.config.limit = Some(7);
    world.config.units_at_once = 3;
    let outcome = world.run().await;
    assert_eq!(outcome.ended, Ended::Limit);
    assert_eq!((done(&outcome).done, world.calls("copy")), (7, 7));
}

#[tokio::test(start_paused = true)]
async fn one_step_alone_writes_nothing_else() {
    let mut world = World::new(1, 5, LATENCY, no_fault()).await;
    std::fs::create_dir(world.copy.to.0.join("unit-00")).unwrap();
    world.config.steps = StepFilter::Only(vec![StepName::new("seal")]);
    let outcome = world.run().await;
    assert_eq!(
        (outcome.ended.clone(), done(&outcome).done),
        (Ended::Finished, 5)
    );
    assert_eq!((world.calls("seal"), world.calls("copy")), (5, 0));
    assert!(world.target().keys().all(|path| path.contains(".seal")));
    assert!(
        world
            .store
            .progress_where(None, None)
            .await
            .unwrap()
            .is_empty()
    );
    assert!(world.store.fleet().await.unwrap().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_step_of_the_unit_is_made_once_and_recorded() {
    let world = World::new(2, 3, LATENCY, no_fault()).await;
    world.run().await;
    for unit in 0..2 {
        let row = world.row(unit).await;
        let record = &row.steps[&StepName::new("folder")];
        assert!(matches!(&record.state, StepState::Applied(effect) if effect.kind == "folder"));
        assert_eq!(record.attempts, 1);
    }
}

#[tokio::test(start_paused = true)]
async fn items_added_below_the_cursor_during_the_run_are_done_too() {
    let world = World::new(1, 30, LATENCY, no_fault()).await;
    let run = world.run();
    let add = async {
        tokio::time::sleep(LATENCY * 40).await;
        // Below the cursor, which is at about key-010 by now.
        std::fs::write(world.copy.from.join("unit-00/key-000-late"), "late").unwrap();
        let now = world.clock.now();
        world
            .copy
            .calls
            .added_at
            .lock()
            .unwrap()
            .insert("key-000-late".into(), now);
    };
    let (outcome, ()) = tokio::join!(run, add);
    assert_eq!(done(&outcome).done, 31);
    assert_eq!(world.target()["unit-00/key-000-late"], b"late");
    assert_eq!(world.row(0).await.counts.done, 31);
    assert_eq!(world.calls("copy"), 31);
}

#[tokio::test(start_paused = true)]
async fn an_item_that_is_seen_after_the_time_that_its_source_wrote_is_not_lost() {
    let world = World::new(1, 30, LATENCY, no_fault()).await;
    // Written by its source before the run began, seen when the pass is past it.
    let written_at = world.clock.now() - Duration::from_secs(1);
    let run = world.run();
    let add = async {
        tokio::time::sleep(LATENCY * 40).await;
        let mut added_at = world.copy.calls.added_at.lock().unwrap();
        added_at.insert("key-000-late".into(), written_at);
        std::fs::write(world.copy.from.join("unit-00/key-000-late"), "late").unwrap();
    };
    let (outcome, ()) = tokio::join!(run, add);
    assert_eq!(done(&outcome).done, 31);
}

#[tokio::test(start_paused = true)]
async fn a_unit_to_which_nothing_is_added_is_listed_twice() {
    let world = World::new(1, 30, LATENCY, no_fault()).await;
    {
        let mut added_at = world.copy.calls.added_at.lock().unwrap();
        added_at.extend((0..30).map(|key| (super::world::key_name(key), UnixMillis(1))));
    }
    world.run().await;
    assert_eq!(world.calls("list"), 2);
    assert_eq!(world.row(0).await.pass.number, 1);
}

#[tokio::test(start_paused = true)]
async fn results_hold_one_line_for_each_item() {
    let world = World::new(2, 25, LATENCY, no_fault()).await;
    let outcome = world.run().await;
    assert_eq!(done(&outcome).done, 50);
    let told = world.reported_items();
    assert_eq!(told.len(), 50);
    assert!(told.values().all(|lines| *lines == 1));
}

async fn send_command(world: &World, command: ControlCommand) {
    let asked = world
        .store
        .set_control(&Scope::Fleet, command, "ann@host", "test");
    asked.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_paused_run_makes_nothing_for_its_units_either() {
    let world = World::new(2, 4, LATENCY, no_fault()).await;
    send_command(&world, ControlCommand::Pause).await;
    let operator = async {
        tokio::time::sleep(Duration::from_mins(2)).await;
        let made = std::fs::read_dir(&world.copy.to.0).unwrap().count();
        assert_eq!(made, 0, "a folder was made while all was paused");
        send_command(&world, ControlCommand::Resume).await;
    };
    let (outcome, ()) = tokio::join!(world.run(), operator);
    assert_eq!(outcome.ended, Ended::Finished);
    world.assert_all_done(2, 4).await;
}

#[tokio::test(start_paused = true)]
async fn a_paused_run_that_is_stopped_gives_its_units_back_as_they_were() {
    let world = World::new(2, 4, LATENCY, no_fault()).await;
    send_command(&world, ControlCommand::Pause).await;
    let stop = Stop::new();
    let signal = async {
        tokio::time::sleep(Duration::from_mins(2)).await;
        stop.request(StopLevel::Drain, "SIGTERM");
    };
    let job = Job::Units(world.units());
    let (outcome, ()) = tokio::join!(world.run_job(job, &stop), signal);
    let stopped = matches!(outcome.ended, Ended::Stopped { aborted: false, .. });
    assert!(stopped, "{:?}", outcome.ended);
    assert!(outcome.troubled.is_empty(), "{:?}", outcome.troubled);
    for unit in world.units() {
        let row = world.store.progress_row(&unit.id).await.unwrap().unwrap();
        assert!(
            row.lease.is_none() && row.progress.steps.is_empty(),
            "{row:?}"
        );
    }
    send_command(&world, ControlCommand::Resume).await;
    world.run().await;
    world.assert_all_done(2, 4).await;
}

/// Rows of which those of the fleet are never answered for.
#[derive(Debug)]
struct NoReports(Memory);

#[async_trait]
impl Asks for NoReports {
    async fn ask(&self, table: &str, request: Request) -> Result<Answer, RowsError> {
        if table.ends_with("fleet") {
            std::future::pending::<()>().await;
        }
        request.land(&self.0, table)
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_asked_is_done_although_no_report_comes_through() {
    let mut world = World::new(1, 400, LATENCY, no_fault()).await;
    let rows = EffectFilter(NoReports(Memory::new()));
    let config = world.store.config().clone();
    world.store = Store::over(Arc::new(rows), config).with_clock(world.clock);
    let operator = async {
        tokio::time::sleep(Duration::from_millis(500)).await;
        send_command(&world, ControlCommand::Pause).await;
        tokio::time::sleep(Duration::from_secs(10)).await;
        let made = world.calls("copy");
        tokio::time::sleep(Duration::from_mins(1)).await;
        assert_eq!(world.calls("copy"), made, "begun while paused");
        assert!(made < 400);
    };
    tokio::select! {
        biased;
        outcome = world.run() => panic!("{:?}", outcome.ended),
        () = operator => {}
    }
}
