//! The migration as a whole: a seeded world in, every upload as the world says it must become.

use sterna::engine::{Job, StepFilter};
use sterna::migrations::uploads::Settings;
use sterna::sandbox::Service;
use sterna::sandbox::world::plan::Expected;

use crate::fixture::{Local, small};
use crate::worker::{Worker, expected, units, unkept_rows};

#[tokio::test(flavor = "multi_thread")]
async fn every_upload_becomes_what_the_world_says_and_a_second_run_finds_it_so() {
    let local = Local::start(small()).await;
    let spaces = unkept_rows();
    let worker = Worker::new(&local, spaces.clone(), Settings::default()).await;
    let outcome = worker
        .run(Job::Units(units(&local)), StepFilter::All, "first")
        .await;
    let failed = worker.failed().await;
    assert_eq!(failed, expected(&local));
    let complete = local
        .world
        .uploads
        .iter()
        .filter(|record| record.expected == Expected::AlreadyComplete)
        .count();
    assert_eq!(
        outcome.counts.found, complete as u64,
        "{:?}",
        outcome.counts
    );

    // A second process with an empty memory: everything is found, nothing is published again.
    let again = Worker::new(&local, spaces, Settings::default()).await;
    let published = local.count(Service::Indexer, "claim/cache");
    let outcome = again
        .run(Job::Units(units(&local)), StepFilter::All, "second")
        .await;
    assert_eq!(again.failed().await, failed);
    assert_eq!(outcome.counts.done, outcome.counts.found);
    assert_eq!(local.count(Service::Indexer, "claim/cache"), published);
    local.stop().await;
}
