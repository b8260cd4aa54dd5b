//! A service is down: its items wait, and pay with no attempt for it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::world::{World, done};
use crate::engine::{Ended, Job, RunParts, Stop, run};
use crate::model::{Failure, Reason, Unit};
use crate::runtime::{Classify, Dependency, DependencyConfig, RetryHint};

const LATENCY: Duration = Duration::from_millis(10);
/// Longer than an item alone is excused.
const LONG: Duration = Duration::from_hours(3);

#[derive(Debug, thiserror::Error)]
#[error("503")]
struct Down;

impl Classify for Down {
    fn hint(&self) -> RetryHint {
        RetryHint::Down
    }
    fn timed_out(_: Duration) -> Self {
        Self
    }
}

/// The service of a run, which says that it is down.
async fn down(parts: &RunParts<super::copy::Copy>) -> Dependency {
    let config = DependencyConfig {
        patience: Duration::ZERO,
        ..DependencyConfig::default()
    };
    let service = parts.dependencies.get("target", config);
    let answer: Result<(), Down> = service.call(|| async { Err(Down) }).await;
    assert!(answer.is_err() && service.is_down());
    service
}

#[tokio::test(start_paused = true)]
async fn an_outage_costs_no_attempt_however_long_it_is() {
    let is_down = Arc::new(AtomicBool::new(true));
    let see = Arc::clone(&is_down);
    let fault = move |op: &str, _: &str, _: u32| {
        (op == "probe" && see.load(Ordering::SeqCst))
            .then(|| Failure::transient(Reason::SERVICE_ERROR, "503").from_dependency("target"))
    };
    let mut world = World::new(1, 40, LATENCY, Box::new(fault)).await;
    world.config.pace.attempts = 1;
    let parts = world.parts(&Stop::new());
    let service = down(&parts).await;
    let outage = async {
        tokio::time::sleep(LONG).await;
        is_down.store(false, Ordering::SeqCst);
        let back: Result<(), Down> = service.call(|| async { Ok(()) }).await;
        back.unwrap();
    };
    // As many as a plan counted: it is known that more are left than those in flight.
    let counted = |unit| Unit {
        planned: Some(40),
        ..unit
    };
    let job = Job::Units(world.units().into_iter().map(counted).collect());
    let running = run(parts, world.next_config(), job);
    let (outcome, ()) = tokio::join!(running, outage);
    let outcome = outcome.unwrap();
    assert_eq!(outcome.ended, Ended::Finished);
    assert_eq!(done(&outcome).done, 40);
    world.assert_all_done(1, 40).await;
}

/// When only items are left at which a service fails for good, it looks down, too: they do not hold the run for ever.
#[tokio::test(start_paused = true)]
async fn items_at_which_a_service_fails_for_good_end_all_the_same() {
    let fault = |op: &str, key: &str, _: u32| {
        (op == "probe" && key == "key-003")
            .then(|| Failure::transient(Reason::SERVICE_ERROR, "500").from_dependency("target"))
    };
    let mut world = World::new(1, 10, LATENCY, Box::new(fault)).await;
    world.config.max_failure_rate = 1.0;
    let parts = world.parts(&Stop::new());
    let _service = down(&parts).await;
    let start = tokio::time::Instant::now();
    let outcome = run(parts, world.next_config(), Job::Units(world.units())).await;
    let counts = done(&outcome.unwrap());
    assert_eq!((counts.done, counts.failed), (9, 1));
    let patience = world.config.pace.give_up_after;
    assert!(start.elapsed() >= patience && start.elapsed() < patience * 2);
}
