//! "Could not tell" publishes nothing: for each read that a decision rests on, a run whose every such read fails.
//!
//! Keys of issuers are asked for in no such run: `services.rs` holds what follows when they cannot be told.

use std::time::Duration;

use sterna::engine::{Job, StepFilter};
use sterna::migrations::uploads::{GATEWAY as GATEWAY_STEP, LOCATION, Settings};
use sterna::sandbox::{Plan, Service};

use crate::fixture::{Local, small};
use crate::worker::{Worker, expected, units, unkept_rows};

/// Calls that fail before a run is left alone: with one try each and few items in flight, most of them are whole
/// failures of an item, which would go on to publish if it took them for an answer.
const STRIKES: u64 = 6;

/// What publishes.
const GATEWAY: Publishing = (Service::Gateway, "access/delegate");
const STORED: Publishing = (Service::Upload, "space/blob/add");
const REGISTERED: Publishing = (Service::Indexer, "assert/index");
const CACHED: Publishing = (Service::Indexer, "claim/cache");
const KEPT: Publishing = (Service::S3, "PutObject");
const QUEUED: Publishing = (Service::Sqs, "SendMessageBatch");
const PROVISIONED: Publishing = (Service::DynamoDb, "PutItem");

type Publishing = (Service, &'static str);

const EVERYTHING: &[Publishing] = &[
    GATEWAY,
    STORED,
    REGISTERED,
    CACHED,
    KEPT,
    QUEUED,
    PROVISIONED,
];
/// All that is made for an upload, once its space may be served.
const OF_UPLOADS: &[Publishing] = &[STORED, REGISTERED, CACHED, KEPT, QUEUED, PROVISIONED];
/// What needs a migration space.
const OF_INDEXES: &[Publishing] = &[STORED, REGISTERED, PROVISIONED];

/// A read, or the authorisation that others wait for, and what must not happen while it fails.
struct Row {
    service: Service,
    operation: &'static str,
    on: Option<&'static str>,
    never: &'static [Publishing],
    /// Only claims are made, no index is stored.
    claims_alone: bool,
}

const fn row(
    service: Service,
    operation: &'static str,
    on: Option<&'static str>,
    never: &'static [Publishing],
) -> Row {
    Row {
        service,
        operation,
        on,
        never,
        claims_alone: false,
    }
}

/// In an order in which each still has something to publish: the first leave the world as it was.
const ROWS: &[Row] = &[
    row(
        Service::DynamoDb,
        "Query",
        Some("local-w3infra-upload"),
        EVERYTHING,
    ),
    row(
        Service::DynamoDb,
        "Query",
        Some("local-w3infra-delegation"),
        EVERYTHING,
    ),
    row(
        Service::DynamoDb,
        "GetItem",
        Some("local-w3infra-revocation"),
        EVERYTHING,
    ),
    row(Service::S3, "GetObject", None, EVERYTHING),
    row(Service::Gateway, "access/delegate", None, OF_UPLOADS),
    row(Service::Indexer, "GET /claims", None, OF_UPLOADS),
    row(
        Service::DynamoDb,
        "BatchGetItem",
        Some("local-w3infra-allocation"),
        OF_UPLOADS,
    ),
    row(
        Service::DynamoDb,
        "BatchGetItem",
        Some("local-w3infra-blob-registry"),
        OF_UPLOADS,
    ),
    row(
        Service::DynamoDb,
        "BatchGetItem",
        Some("local-w3infra-store"),
        OF_UPLOADS,
    ),
    Row {
        claims_alone: true,
        ..row(Service::Carpark, "HEAD /{key}", None, OF_UPLOADS)
    },
    row(Service::Carpark, "GET /{key}", None, OF_INDEXES),
    // Whether the space of an index is paid for.
    row(
        Service::DynamoDb,
        "PutItem",
        Some("local-w3infra-consumer"),
        &[STORED, REGISTERED],
    ),
];

#[tokio::test(flavor = "multi_thread")]
async fn whatever_is_unknown_publishes_nothing() {
    let mut local = Local::start(small()).await;
    let tries = std::mem::replace(&mut local.config.limits.tries, 1);
    for row in ROWS {
        for (status, body) in [
            (503, ""),
            // An error that calls itself a success.
            (
                200,
                r#"{"__type":"InternalServerError","message":"planned"}"#,
            ),
        ] {
            fails(&local, row, status, body).await;
        }
    }
    // Nothing that was done meanwhile stands in the way.
    local.config.limits.tries = tries;
    let worker = worker(&local).await;
    let job = whole(&local);
    worker.run(job, StepFilter::All, "healthy").await;
    assert_eq!(worker.failed().await, expected(&local));
    for (service, operation) in EVERYTHING {
        assert!(local.count(*service, operation) > 0, "{operation} never is");
    }
    local.stop().await;
}

fn whole(local: &Local) -> Job {
    Job::Units(units(local))
}

async fn worker(local: &Local) -> Worker {
    Worker::new(local, unkept_rows(), Settings::default()).await
}

/// Runs until enough reads failed, or to the end.
async fn fails(local: &Local, row: &Row, status: u16, body: &str) {
    let name = format!("{} on {:?}, {status}", row.operation, row.on);
    let worker = worker(local).await;
    let network = local.sandbox.network();
    network.meter.reset();
    network.faults.add(Plan {
        service: Some(row.service),
        operation: Some(row.operation.to_owned()),
        on: row.on.map(str::to_owned),
        status: Some(status),
        body: Some(body.to_owned()),
        ..Plan::default()
    });
    let job = whole(local);
    let steps = if row.claims_alone {
        StepFilter::Only(vec![GATEWAY_STEP, LOCATION])
    } else {
        StepFilter::All
    };
    let run = worker.run(job, steps, &name);
    let struck = || network.faults.plans()[0].2;
    let enough = async {
        while struck() < STRIKES {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        // What follows from the last of them shows itself.
        tokio::time::sleep(Duration::from_millis(300)).await;
    };
    tokio::select! {
        _ = run => {}
        () = enough => {}
    }
    assert!(struck() > 0, "{name} is never asked");
    for (service, operation) in row.never {
        let made = local.count(*service, operation);
        assert_eq!(made, 0, "{operation} while {name}");
    }
    network.faults.clear();
}
