//! Looks before a run: what cannot be told is not taken for there, and nothing is changed.

use std::time::Duration;

use sterna::client::{Cause, Config, Thing, absent};
use sterna::sandbox::{Plan, Service, bucket};

use super::stage::TRIES;
use crate::fixture::{Local, small};

/// A deadline that what never answers is given.
const HASTE: Duration = Duration::from_millis(300);

/// A look, and the request that it makes.
type Look = (Thing, Service, &'static str);

fn looks(config: &Config) -> [Look; 4] {
    let network = &config.network;
    let table = Thing::Table(network.tables.upload.clone(), &["space", "root"]);
    let queue = Thing::Queue(network.queues.ipni_blob.clone());
    let service = Thing::Service(network.indexing_service.url.clone());
    [
        (table, Service::DynamoDb, "DescribeTable"),
        (
            Thing::Bucket(bucket::CLAIMS.to_owned()),
            Service::S3,
            "HeadBucket",
        ),
        (queue, Service::Sqs, "GetQueueAttributes"),
        (service, Service::Indexer, "GET /"),
    ]
}

fn fault((_, service, operation): &Look) -> Plan {
    Plan {
        service: Some(*service),
        operation: Some((*operation).to_owned()),
        ..Plan::default()
    }
}

fn with_status(look: &Look, status: u16) -> Plan {
    let error = match status {
        403 => "AccessDeniedException",
        _ => "InternalServerError",
    };
    Plan {
        status: Some(status),
        body: Some(format!(r#"{{"__type":"{error}","message":"planned"}}"#)),
        ..fault(look)
    }
}

/// What is wrong with the thing while the network answers so, and how often it was tried.
async fn looked(
    local: &Local,
    config: &Config,
    look: &Look,
    plan: Option<Plan>,
) -> (Option<Cause>, u64) {
    let network = local.sandbox.network();
    network.faults.clear();
    network.meter.reset();
    network.faults.add(plan.unwrap_or_else(|| Plan {
        times: Some(0),
        ..fault(look)
    }));
    let queues = &config.network.queues;
    let found = absent(&config.aws, queues, &config.limits, vec![look.0.clone()]);
    let mut found = found.await.unwrap();
    let struck = network.faults.plans()[0].2;
    network.faults.clear();
    let services = network.meter.snapshot();
    assert!(services.values().all(|service| service.mutating == 0));
    (found.pop().map(|absent| absent.cause), struck)
}

#[tokio::test(flavor = "multi_thread")]
async fn probes_before_a_run_take_no_error_for_presence() {
    let mut local = Local::start(small()).await;
    local.config.limits.tries = usize::try_from(TRIES).unwrap();
    let config = local.config.clone();
    let mut hasty = config.clone();
    hasty.limits.call = HASTE;
    for look in &looks(&config) {
        let speaks = matches!(look.0, Thing::Service(_));
        assert_eq!(
            looked(&local, &config, look, None).await,
            (None, 0),
            "{look:?}"
        );

        let never = Plan {
            hang: true,
            ..fault(look)
        };
        let (cause, tried) = looked(&local, &hasty, look, Some(never)).await;
        assert!(matches!(cause, Some(Cause::Timeout)), "{look:?}: {cause:?}");
        assert_eq!(tried, TRIES, "{look:?}");

        // Of a service any answer will do: that it is there is all that is asked.
        let (cause, tried) = looked(&local, &config, look, Some(with_status(look, 500))).await;
        let failed = matches!(cause, Some(Cause::Unavailable { .. }));
        assert_eq!(
            (failed, tried),
            if speaks { (false, 1) } else { (true, TRIES) },
            "{look:?}: {cause:?}"
        );

        // An error that calls itself a success; only of a table is something asked that must be told.
        let (cause, _) = looked(&local, &config, look, Some(with_status(look, 200))).await;
        let described = matches!(look.0, Thing::Table(..));
        assert_eq!(
            matches!(cause, Some(Cause::Malformed(_))),
            described,
            "{look:?}: {cause:?}"
        );

        // A run reads and writes objects and messages without the right to look at their place.
        let (cause, _) = looked(&local, &config, look, Some(with_status(look, 403))).await;
        assert_eq!(
            matches!(cause, Some(Cause::Credentials(_))),
            described,
            "{look:?}: {cause:?}"
        );
    }
    local.stop().await;
}
