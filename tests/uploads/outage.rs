//! Outages told inside good answers: the run pauses, goes on by itself, and no upload pays for it.

use std::time::Duration;

use cid::Cid;
use sterna::client::{Cause, Services};
use sterna::engine::{Ended, Job, StepFilter};
use sterna::migrations::uploads::Settings;
use sterna::proto::did::Did;
use sterna::proto::multihash::Multihash;
use sterna::runtime::{Clock, ServiceRegistry};
use sterna::sandbox::world::manifest::Record;
use sterna::sandbox::world::plan::{Condition, Protocol, Sizes};
use sterna::sandbox::{Plan, Service};

use crate::fixture::Local;
use crate::worker::{Worker, expected, units, unkept_rows};

/// How often it is looked whether the run is paused.
const LOOK: Duration = Duration::from_millis(20);

fn many() -> Sizes {
    Sizes {
        customers: 2,
        spaces: 3,
        uploads: 80,
    }
}

/// Requests for bytes of the carpark: what a run reads.
fn reads(local: &Local) -> u64 {
    let all = local.sandbox.network().meter.snapshot();
    all.get(&Service::Carpark).map_or(0, |of| of.requests)
}

/// Runs a world of which the upload service takes no writes from a request on, until it is seen to be down; gives how
/// much of the carpark was read.
async fn switched_off_after(requests: Option<u64>) -> u64 {
    let local = Local::start(many()).await;
    let spaces = unkept_rows();
    let worker = Worker::new(&local, spaces, Settings::default()).await;
    let faults = &local.sandbox.network().faults;
    if let Some(after) = requests {
        faults.add(Plan {
            service: Some(Service::Upload),
            receipt_error: Some("ServiceUnavailable".to_owned()),
            after,
            ..Plan::default()
        });
    }
    local.sandbox.network().meter.reset();
    let run = worker.run(Job::Units(units(&local)), StepFilter::All, "paused");
    let outage = async {
        if requests.is_none() {
            return;
        }
        while !worker.dependencies.is_down("upload-service") {
            tokio::time::sleep(LOOK).await;
        }
        faults.clear();
    };
    let (outcome, ()) = tokio::join!(run, outage);
    assert_eq!(outcome.ended, Ended::Finished);
    assert_eq!(worker.failed().await, expected(&local));
    let read = reads(&local);
    local.stop().await;
    read
}

/// One attempt is all that these workers have: an outage costs none, and no shard is read again because of it.
#[tokio::test(flavor = "multi_thread")]
async fn writes_that_are_switched_off_pause_a_run_and_fail_no_upload() {
    let undisturbed = switched_off_after(None).await;
    for after in [0, 40] {
        let read = switched_off_after(Some(after)).await;
        assert_eq!(read, undisturbed, "switched off after {after} requests");
    }
}

/// A table that answers only in part is throttled: it is asked for the rest alone, later, and the pacer hears of it.
#[tokio::test(flavor = "multi_thread")]
async fn a_batch_that_is_left_undone_is_throttling() {
    let local = Local::start(many()).await;
    let all = local.world.uploads.iter();
    let fresh = |record: &&Record| {
        record.condition == Condition::Fresh && record.protocol == Protocol::Blob
    };
    let record = all.clone().find(fresh).unwrap();
    let space = Did::parse(&record.space).unwrap();
    let shard = Cid::try_from(record.shards[0].as_str()).unwrap();
    let dependencies = ServiceRegistry::new();
    let services = Services::connect(&local.config, Clock::system(), dependencies.clone());
    let tables = services.await.unwrap().tables;
    let left_out = serde_json::json!({
        "Responses": {},
        "UnprocessedKeys": { local.config.network.tables.allocation.as_str(): { "Keys": [{
            "space": { "S": record.space },
            "multihash": { "S": Multihash::of(&shard).base58() },
        }] } },
    });
    let faults = &local.sandbox.network().faults;
    let plan = Plan {
        service: Some(Service::DynamoDb),
        operation: Some("BatchGetItem".to_owned()),
        status: Some(200),
        body: Some(left_out.to_string()),
        ..Plan::default()
    };
    faults.add(Plan {
        times: Some(2),
        ..plan.clone()
    });
    let rows = tables.shard_rows(&space, &[shard]).await.unwrap();
    assert_eq!(rows.len(), 1, "the rest came in the end");
    assert_eq!(local.count(Service::DynamoDb, "BatchGetItem"), 3);
    let holds = dependencies.holds();
    let hold = holds.iter().find(|hold| hold.name == "dynamodb");
    assert!(
        hold.is_some_and(|hold| hold.reason.contains("throttled")),
        "{holds:?}"
    );

    faults.clear();
    faults.add(plan);
    let error = tables.shard_rows(&space, &[shard]).await.unwrap_err();
    assert!(matches!(error.cause, Cause::Throttled { .. }), "{error}");
    local.stop().await;
}
