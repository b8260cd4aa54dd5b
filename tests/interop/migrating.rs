//! The main job with its writes going through the network's own services.
//!
//! Index blobs go to the real upload service, which reads who pays in the local network's table. Whatever is sent to the
//! indexing service and to the gateway must first pass the real validator; what it admits is answered by the local
//! network, since no package holds an indexing service with IPNI behind it or a gateway that serves.

use std::collections::BTreeMap;

use sterna::engine::{Job, StepFilter};
use sterna::migrations::uploads::Settings;

use crate::fixture::{Local, small};
use crate::real::Real;
use crate::worker::{Worker, expected, units, unkept_rows};

/// How often the services took each ability, and the names of what they refused.
async fn taken(real: &Real) -> (BTreeMap<String, usize>, Vec<String>) {
    let (mut taken, mut refused) = (BTreeMap::new(), Vec::new());
    for one in real.seen().await {
        let can = one["can"].as_str().unwrap().to_owned();
        match one["error"].as_str() {
            Some(error) => refused.push(format!("{can}: {error}")),
            None => *taken.entry(can).or_insert(0) += 1,
        }
    }
    (taken, refused)
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Node: tests/interop/run.sh"]
async fn every_upload_is_migrated_through_the_real_services_and_found_afterwards() {
    let mut local = Local::start(small()).await;
    let real = Real::in_front_of(&local);
    local.config = Box::new(real.config.clone());
    let spaces = unkept_rows();
    let worker = Worker::new(&local, spaces.clone(), Settings::default()).await;
    let job = || Job::Units(units(&local));
    let outcome = worker.run(job(), StepFilter::All, "first").await;
    assert_eq!(worker.failed().await, expected(&local), "{outcome:?}");

    let (first, refused) = taken(&real).await;
    assert_eq!(refused, Vec::<String>::new());
    for can in [
        "space/blob/add",
        "ucan/conclude",
        "access/delegate",
        "claim/cache",
        "assert/index",
    ] {
        assert!(first.contains_key(can), "{can} in {first:?}");
    }

    // A second process with an empty memory finds everything and sends nothing.
    let again = Worker::new(&local, spaces, Settings::default()).await;
    let outcome = again.run(job(), StepFilter::All, "second").await;
    assert_eq!(again.failed().await, expected(&local));
    assert_eq!(outcome.counts.done, outcome.counts.found);
    let (second, refused) = taken(&real).await;
    assert_eq!(refused, Vec::<String>::new());
    for can in ["space/blob/add", "claim/cache", "assert/index"] {
        assert_eq!(second[can], first[can], "{can}");
    }
    local.stop().await;
}
