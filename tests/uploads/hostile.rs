//! Outages, races, lost answers: what must not happen, and what must happen nevertheless.

use std::time::Duration;

use sterna::engine::{Job, StepFilter};
use sterna::migrations::uploads::reasons;
use sterna::migrations::uploads::{GATEWAY, LOCATION, STORE_INDEX, Settings};
use sterna::proto::did::Did;
use sterna::sandbox::world::plan::{Condition, Expected, Sizes};
use sterna::sandbox::{Plan, Service};

use crate::fixture::{Local, small};
use crate::worker::{Worker, expected, units, unkept_rows};

/// Operations that changed something, over all services.
fn mutations(local: &Local) -> u64 {
    local
        .sandbox
        .network()
        .meter
        .snapshot()
        .values()
        .map(|service| service.mutating)
        .sum()
}

fn fault(service: Service, operation: &str) -> Plan {
    Plan {
        service: Some(service),
        operation: Some(operation.to_owned()),
        ..Plan::default()
    }
}

async fn worker(local: &Local) -> Worker {
    Worker::new(local, unkept_rows(), Settings::default()).await
}

#[tokio::test(flavor = "multi_thread")]
async fn an_outage_of_the_indexing_service_publishes_nothing() {
    let local = Local::start(small()).await;
    let worker = worker(&local).await;
    for plan in [
        Plan {
            status: Some(503),
            ..fault(Service::Indexer, "GET /claims")
        },
        Plan {
            status: Some(200),
            body: Some("no CAR".to_owned()),
            ..fault(Service::Indexer, "GET /claims")
        },
    ] {
        local.sandbox.network().faults.add(plan);
        local.sandbox.network().meter.reset();
        // The run waits for the service to come back; nobody waits for it here.
        let steps = StepFilter::Only(vec![STORE_INDEX, LOCATION]);
        let run = worker.run(Job::Units(units(&local)), steps, "outage");
        let ended = tokio::time::timeout(Duration::from_secs(4), run).await;
        assert!(ended.is_err() || ended.is_ok_and(|outcome| outcome.counts.done == 0));
        assert!(local.count(Service::Indexer, "GET /claims") > 0);
        assert_eq!(mutations(&local), 0);
        local.sandbox.network().faults.clear();
    }
    local.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn claims_that_name_a_space_wait_for_the_gateway() {
    let local = Local::start(small()).await;
    let worker = worker(&local).await;
    local.sandbox.network().meter.reset();
    let items = local
        .world
        .uploads
        .iter()
        .filter(|record| record.condition == Condition::Fresh);
    let outcome = worker
        .run(
            Job::Units(units(&local)),
            StepFilter::Only(vec![LOCATION]),
            "too early",
        )
        .await;
    assert!(
        items.count() > 0
            && outcome
                .snapshot
                .reasons
                .contains_key(&reasons::GATEWAY_NOT_AUTHORIZED)
    );
    assert_eq!(mutations(&local), 0);
    let both = StepFilter::Only(vec![GATEWAY, LOCATION]);
    worker
        .run(Job::Units(units(&local)), both, "in order")
        .await;
    assert!(local.count(Service::Gateway, "access/delegate") > 0);
    assert!(local.count(Service::Indexer, "claim/cache") > 0);
    assert_eq!(local.count(Service::Upload, "space/blob/add"), 0);
    local.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_processes_make_one_migration_space_per_customer() {
    let local = Local::start(small()).await;
    let services = local.services().await;
    let customers: std::collections::BTreeSet<_> = local
        .world
        .uploads
        .iter()
        .map(|record| record.customer.clone())
        .collect();
    let spaces = async |customer: &str| {
        let customer = Did::parse(customer).unwrap();
        let listed = services.tables.spaces_of_customer(&customer).await.unwrap();
        listed.into_iter().map(|one| one.space).collect::<Vec<_>>()
    };
    let mut before = Vec::new();
    for customer in &customers {
        before.push(spaces(customer).await);
    }

    let registry = unkept_rows();
    let one = Worker::new(&local, registry.clone(), Settings::default()).await;
    let other = Worker::new(&local, registry, Settings::default()).await;
    let job = || Job::Units(units(&local));
    tokio::join!(
        one.run(job(), StepFilter::All, "one"),
        other.run(job(), StepFilter::All, "other")
    );

    let mut made = 0;
    for (customer, before) in customers.iter().zip(before) {
        let after = spaces(customer).await;
        let new: Vec<_> = after
            .iter()
            .filter(|space| !before.contains(space))
            .collect();
        assert!(new.len() <= 1, "{customer}: {new:?}");
        for space in new {
            let rows = services.tables.delegations_by_issuer(space).await.unwrap();
            assert_eq!(rows.len(), 1);
            assert_eq!(rows[0].audience, *customer);
            let object = services
                .delegations
                .read(&rows[0].link)
                .await
                .unwrap()
                .unwrap();
            assert_eq!(object.issuer(), space);
            made += 1;
        }
    }
    assert!(made > 0);
    assert_eq!(one.failed().await, expected(&local));
    local.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_claim_of_the_node_is_sent_again() {
    let local = Local::start(Sizes {
        customers: 1,
        spaces: 1,
        uploads: 12,
    })
    .await;
    // The node's own request to the indexing service is lost, twice.
    let lost = Plan {
        status: Some(500),
        times: Some(2),
        ..fault(Service::Indexer, "claim/cache")
    };
    let worker = worker(&local).await;
    local.sandbox.network().faults.add(lost);
    worker
        .run(Job::Units(units(&local)), StepFilter::All, "lost")
        .await;
    assert_eq!(worker.failed().await, expected(&local));
    local.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cut_body_is_read_on_from_where_it_was_cut() {
    let local = Local::start(small()).await;
    let services = local.services().await;
    let record = local
        .world
        .uploads
        .iter()
        .find(|record| record.expected == Expected::Migrated)
        .unwrap();
    let cut = Plan {
        cut_after_bytes: Some(100),
        times: Some(1),
        ..Plan {
            service: Some(Service::Carpark),
            ..Plan::default()
        }
    };
    local.sandbox.network().faults.add(cut);
    let hash = sterna::proto::multihash::Multihash::of(
        &cid::Cid::try_from(record.shards[0].as_str()).unwrap(),
    );
    let layout = match record.protocol {
        sterna::sandbox::world::plan::Protocol::Blob => sterna::client::Layout::Blob,
        sterna::sandbox::world::plan::Protocol::Store => sterna::client::Layout::Store,
    };
    let (_, mut blob) = services
        .carpark
        .open(&hash, layout, &[])
        .await
        .unwrap()
        .unwrap();
    let mut whole = Vec::new();
    while let Some(piece) = blob.next().await.unwrap() {
        whole.extend_from_slice(&piece);
    }
    assert_eq!(sterna::proto::multihash::Multihash::sha256(&whole), hash);
    assert_eq!(
        local.sandbox.network().faults.plans()[0].2,
        1,
        "the fault struck"
    );
    local.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_complete_upload_costs_one_claims_query() {
    let local = Local::start(small()).await;
    let worker = worker(&local).await;
    let unit = |record: &sterna::sandbox::world::manifest::Record| {
        sterna::model::UnitId::new(record.customer.as_str(), record.space.as_str())
    };
    let complete = local
        .world
        .uploads
        .iter()
        .filter(|record| record.condition == Condition::Complete);
    let items: Vec<_> = complete
        .map(|record| {
            (
                unit(record),
                sterna::model::ItemId::new(record.root.as_str()),
            )
        })
        .collect();
    local.sandbox.network().meter.reset();
    let count = items.len() as u64;
    let steps = StepFilter::Only(vec![STORE_INDEX, LOCATION]);
    worker.run(Job::Items(items), steps, "complete").await;
    assert!(count > 0);
    assert_eq!(local.count(Service::Indexer, "GET /claims"), count);
    assert_eq!(mutations(&local), 0);
    local.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_more_shards_of_an_upload_are_read_at_once_than_allowed() {
    let mut local = Local::start(small()).await;
    let most = 2;
    local.config.limits.shards_at_once = most;
    let fresh = local.world.uploads.iter();
    let fresh = fresh.filter(|record| record.condition == Condition::Fresh);
    let record = fresh.max_by_key(|record| record.shards.len()).unwrap();
    assert!(record.shards.len() > most);
    let item = (
        sterna::model::UnitId::new(record.customer.as_str(), record.space.as_str()),
        sterna::model::ItemId::new(record.root.as_str()),
    );
    let worker = worker(&local).await;
    let network = local.sandbox.network();
    // No read ends, so that all that are begun are there at once.
    network.faults.add(Plan {
        hang: true,
        ..fault(Service::Carpark, "GET /{key}")
    });
    let begun = || network.faults.plans()[0].2;
    let steps = StepFilter::Only(vec![STORE_INDEX]);
    let run = worker.run(Job::Items(vec![item]), steps, "many shards");
    let all_begun = async {
        while begun() < most as u64 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        // One more would show itself.
        tokio::time::sleep(Duration::from_millis(300)).await;
    };
    tokio::select! {
        _ = run => panic!("a read that does not end has ended"),
        () = all_begun => {}
    }
    assert_eq!(begun(), most as u64);
    network.faults.clear();
    local.stop().await;
}
