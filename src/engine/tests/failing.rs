//! What goes wrong, and what becomes of it.

use std::sync::Arc;
use std::time::Duration;

use super::faulty::{Faulty, Out};
use super::world::{World, done, no_fault};
use crate::engine::{Ended, EngineError};
use crate::model::{Class, Failure, Reason, Status};
use crate::state::{FailedQuery, Store};

const LATENCY: Duration = Duration::from_millis(10);

fn corrupt() -> Failure {
    Failure::permanent(Reason::new("CORRUPT_CAR"), "flipped byte")
}

#[tokio::test(start_paused = true)]
async fn a_permanent_failure_is_quarantined_after_one_attempt_and_the_rest_goes_on() {
    let world = World::new(
        1,
        20,
        LATENCY,
        Box::new(|op, key, _| (op == "copy" && key == "key-007").then(corrupt)),
    )
    .await;
    let outcome = world.run().await;
    assert_eq!(outcome.ended, Ended::Finished);
    let counts = done(&outcome);
    assert_eq!((counts.done, counts.quarantined, counts.left()), (19, 1, 0));
    let row = world.row(0).await;
    assert_eq!(
        (row.status, row.reasons[&Reason::new("CORRUPT_CAR")]),
        (Status::Failed, 1)
    );
    assert_eq!(row.error.unwrap(), "1 item needs attention: 1 CORRUPT_CAR");
    let failed = world
        .store
        .failed_items(&FailedQuery::default())
        .await
        .unwrap();
    assert_eq!(failed.len(), 1);
    assert_eq!(
        (failed[0].item.as_str(), failed[0].attempts),
        ("key-007", 1)
    );
    assert_eq!(failed[0].failure.step.as_ref().unwrap().as_str(), "copy");
}

/// Who retries, whether everything that failed is fixed, and whether the checkpoint file is there to tell.
#[tokio::test(start_paused = true)]
async fn what_is_unknown_publishes_nothing() {
    let outage = |op: &str, _: &str, _: u32| {
        (op == "probe").then(|| Failure::unknown(Reason::COULD_NOT_TELL, "502"))
    };
    let mut world = World::new(1, 10, LATENCY, Box::new(outage)).await;
    world.config.max_failure_rate = 1.0;
    let outcome = world.run().await;
    assert_eq!(done(&outcome).unknown, 10);
    assert!(world.target().is_empty());
    assert_eq!(world.calls("copy") + world.calls("seal"), 0);
    assert_eq!(world.row(0).await.status, Status::Failed);
    let failed = world
        .store
        .failed_items(&FailedQuery::default())
        .await
        .unwrap();
    assert!(
        failed
            .iter()
            .all(|failed| failed.failure.class == Class::Unknown && failed.attempts == 3)
    );
}

#[tokio::test(start_paused = true)]
async fn a_passing_error_passes_and_its_effects_are_made_once() {
    let fault = |op: &str, key: &str, before: u32| {
        let answer_lost = op == "written" && key.ends_with('3') && before == 0;
        answer_lost.then(|| Failure::unknown(Reason::TIMEOUT, "no answer"))
    };
    let world = World::new(1, 20, LATENCY, Box::new(fault)).await;
    let outcome = world.run().await;
    assert_eq!((done(&outcome).done, done(&outcome).found), (20, 0));
    assert_eq!(outcome.snapshot.retries, 2);
    world.assert_all_done(1, 20).await;
    assert_eq!(
        world.calls("copy"),
        20,
        "what had happened was found, not made again"
    );
}

#[tokio::test(start_paused = true)]
async fn the_wait_that_a_service_asked_for_is_kept() {
    let fault = |op: &str, key: &str, before: u32| {
        let busy = op == "copy" && key == "key-000" && before == 0;
        busy.then(|| {
            Failure::transient(Reason::THROTTLED, "429").after(Some(Duration::from_secs(90)))
        })
    };
    let world = World::new(1, 1, LATENCY, Box::new(fault)).await;
    let start = tokio::time::Instant::now();
    world.run().await;
    world.assert_all_done(1, 1).await;
    assert!(start.elapsed() >= Duration::from_secs(90));
}

#[tokio::test(start_paused = true)]
async fn too_many_unexpected_failures_stop_the_run() {
    let fault = |op: &str, key: &str, _: u32| {
        (op == "copy" && key.ends_with('1'))
            .then(|| Failure::permanent(Reason::BAD_ANSWER, "not CBOR"))
    };
    let world = World::new(1, 1_000, LATENCY, Box::new(fault)).await;
    let outcome = world.run().await;
    assert!(
        matches!(outcome.ended, Ended::Safety { .. }),
        "{:?}",
        outcome.ended
    );
    assert!(done(&outcome).settled() < 120);
    assert_eq!(world.row(0).await.status, Status::InProgress);
}

#[tokio::test(start_paused = true)]
async fn refused_credentials_end_the_run_at_once_and_fail_no_item() {
    let fault = |op: &str, _: &str, _: u32| {
        (op == "copy").then(|| Failure::fatal(Reason::UNAUTHORIZED, "expired token"))
    };
    let world = World::new(1, 50, LATENCY, Box::new(fault)).await;
    let error = world.try_run().await.unwrap_err();
    assert!(
        matches!(error, EngineError::Failed(failure) if failure.reason == Reason::UNAUTHORIZED)
    );
    assert_eq!(world.row(0).await.counts.settled(), 0);
    assert!(
        world
            .store
            .failed_items(&FailedQuery::default())
            .await
            .unwrap()
            .is_empty()
    );
}

#[tokio::test(start_paused = true)]
async fn a_step_that_panics_fails_its_item_alone() {
    let fault = |op: &str, key: &str, _: u32| {
        assert!(!(op == "seal" && key == "key-004"), "a bug in a step");
        None
    };
    let world = World::new(1, 10, LATENCY, Box::new(fault)).await;
    let outcome = world.run().await;
    assert_eq!((done(&outcome).done, done(&outcome).quarantined), (9, 1));
    assert_eq!(world.row(0).await.reasons[&Reason::INTERNAL], 1);
}

#[tokio::test(start_paused = true)]
async fn a_listing_that_breaks_goes_on_where_it_was() {
    let fault = |op: &str, key: &str, before: u32| {
        (op == "list" && key == "key-050" && before < 2)
            .then(|| Failure::transient(Reason::TIMEOUT, "page"))
    };
    let world = World::new(1, 100, LATENCY, Box::new(fault)).await;
    assert_eq!(world.run().await.ended, Ended::Finished);
    world.assert_all_done(1, 100).await;
    assert_eq!(world.calls("copy"), 100);
}

#[tokio::test(start_paused = true)]
async fn a_unit_that_cannot_be_listed_is_left_over_and_not_completed() {
    let fault = |op: &str, _: &str, _: u32| {
        (op == "list").then(|| Failure::transient(Reason::UNREACHABLE, "refused"))
    };
    let world = World::new(2, 5, LATENCY, Box::new(fault)).await;
    let outcome = world.run().await;
    assert!(
        matches!(outcome.ended, Ended::Trouble { .. }),
        "{:?}",
        outcome.ended
    );
    assert_eq!(outcome.troubled.len(), 2);
    assert_eq!(world.row(0).await.status, Status::InProgress);
    assert!(world.target().is_empty());
}

/// The world over rows that may be out of order.
fn faulty(world: &mut World) -> Arc<Faulty> {
    let rows = Arc::new(Faulty::new());
    let config = world.store.config().clone();
    world.store = Store::over(Arc::clone(&rows) as _, config).with_clock(world.clock);
    rows
}

#[tokio::test(start_paused = true)]
async fn progress_that_cannot_be_read_is_not_taken_for_none() {
    let mut world = World::new(2, 5, LATENCY, no_fault()).await;
    let rows = faulty(&mut world);
    rows.set(Out::Reading);
    let outcome = world.run().await;
    assert!(
        matches!(outcome.ended, Ended::Trouble { .. }),
        "{:?}",
        outcome.ended
    );
    assert!(world.target().is_empty());
    rows.set(Out::Nothing);
    assert_eq!(world.run().await.ended, Ended::Finished);
    world.assert_all_done(2, 5).await;
}

#[tokio::test(start_paused = true)]
async fn progress_that_cannot_be_written_ends_the_run_and_is_reported() {
    let mut world = World::new(1, 5, LATENCY, no_fault()).await;
    let rows = faulty(&mut world);
    let breaks = async {
        tokio::time::sleep(LATENCY * 5).await;
        rows.set(Out::Writing);
    };
    let (outcome, ()) = tokio::join!(world.run(), breaks);
    let Ended::Trouble { reason } = outcome.ended else {
        panic!("{:?}", outcome.ended)
    };
    assert!(reason.contains("out of order"), "{reason}");
    rows.set(Out::Nothing);
    assert_eq!(world.run().await.ended, Ended::Finished);
    world.assert_all_done(1, 5).await;
    assert_eq!(world.calls("copy"), 5, "nothing is made twice");
}

#[tokio::test(start_paused = true)]
async fn a_unit_that_was_put_off_and_taken_up_again_is_counted_once() {
    let fault = |op: &str, key: &str, before: u32| {
        let broken = op == "list" && key == "key-050" && before < 4;
        let set_aside = op == "copy" && key == "key-007";
        if broken {
            return Some(Failure::transient(Reason::TIMEOUT, "page"));
        }
        set_aside.then(corrupt)
    };
    let world = World::new(1, 100, LATENCY, Box::new(fault)).await;
    let outcome = world.run().await;
    assert_eq!(outcome.ended, Ended::Finished);
    let counts = done(&outcome);
    assert_eq!(
        (counts.planned, counts.done, counts.quarantined),
        (100, 99, 1)
    );
    assert_eq!(outcome.snapshot.reasons[&Reason::new("CORRUPT_CAR")], 1);
    assert_eq!(outcome.snapshot.units.released, 0);
}

/// What runs while a test looks on.
async fn while_it_runs(world: &World, looks: impl Future<Output = ()>) -> crate::engine::Outcome {
    let (outcome, ()) = tokio::join!(world.run(), looks);
    outcome
}

async fn state(world: &World) -> (String, Option<String>) {
    let fleet = world.store.fleet().await.unwrap();
    (fleet[0].state.clone(), fleet[0].note.clone())
}

#[tokio::test(start_paused = true)]
async fn nothing_is_begun_before_it_can_be_read_what_is_asked() {
    let mut world = World::new(2, 5, LATENCY, no_fault()).await;
    let rows = faulty(&mut world);
    rows.set(Out::Control);
    let outcome = while_it_runs(&world, async {
        tokio::time::sleep(Duration::from_mins(10)).await;
        assert_eq!(world.calls("copy"), 0);
        let (state, note) = state(&world).await;
        let note = note.unwrap();
        assert_eq!(state, "paused");
        assert!(note.contains("since this process was started"), "{note}");
        assert!(note.contains("out of order"), "{note}");
        rows.set(Out::Nothing);
    })
    .await;
    assert_eq!(outcome.ended, Ended::Finished);
    world.assert_all_done(2, 5).await;
}

#[tokio::test(start_paused = true)]
async fn what_was_asked_holds_while_it_cannot_be_read_and_then_nothing_new_is_begun() {
    let mut world = World::new(1, 600, Duration::from_millis(300), no_fault()).await;
    world.config.concurrency = 1;
    let rows = faulty(&mut world);
    let within = world.config.pace.control_within;
    let outcome = while_it_runs(&world, async {
        tokio::time::sleep(within / 4).await;
        rows.set(Out::Control);
        let before = world.calls("copy");
        tokio::time::sleep(within / 2).await;
        let between = world.calls("copy");
        assert!(between > before + 10, "it went on: {before}, {between}");
        tokio::time::sleep(within).await;
        let (paused, note) = state(&world).await;
        assert_eq!(paused, "paused");
        assert!(
            note.unwrap().contains("could not be read for 12"),
            "seconds"
        );
        let stopped = world.calls("copy");
        tokio::time::sleep(within).await;
        assert_eq!(world.calls("copy"), stopped, "it stands still");
        // Somebody asked for a pause meanwhile: now it is told.
        let pause = crate::model::ControlCommand::Pause;
        let fleet = crate::state::Scope::Fleet;
        world
            .store
            .set_control(&fleet, pause, "ann@a", "deploy")
            .await
            .unwrap_err();
        rows.set(Out::Nothing);
        world
            .store
            .set_control(&fleet, pause, "ann@a", "deploy")
            .await
            .unwrap();
        tokio::time::sleep(within).await;
        let (paused, note) = state(&world).await;
        assert_eq!((paused.as_str(), world.calls("copy")), ("paused", stopped));
        assert!(
            note.unwrap().contains("deploy"),
            "the reason of the operator"
        );
        let resume = crate::model::ControlCommand::Resume;
        world
            .store
            .set_control(&fleet, resume, "ann@a", "")
            .await
            .unwrap();
    })
    .await;
    assert_eq!(outcome.ended, Ended::Finished);
    world.assert_all_done(1, 600).await;
}
