//! What rows, objects and services may hold beside what a seeded world has, and what must come of it.

use std::time::Duration;

use cid::Cid;
use ipld_core::ipld::Ipld;
use sterna::client::{Blob, Cause, Layout, Protocol, QueryKind, Services};
use sterna::engine::{Job, Outcome, StepFilter};
use sterna::migrations::uploads::reasons;
use sterna::migrations::uploads::{CustomerTables, GATEWAY, LOCATION, Settings};
use sterna::model::{ItemId, UnitId};
use sterna::proto::cbor;
use sterna::proto::claims::Claim;
use sterna::proto::did::Did;
use sterna::proto::multihash::{Multihash, codec};
use sterna::runtime::{Clock, ServiceRegistry};
use sterna::sandbox::world::manifest::Record;
use sterna::sandbox::world::plan::{Condition, Expected, Protocol as Stored};
use sterna::sandbox::{Condition as Holds, Plan, PutOptions, Row, Service, Table, bucket};

use crate::fixture::{Local, small};
use crate::worker::{Worker, units, unkept_rows};

fn record(local: &Local, fits: impl Fn(&Record) -> bool) -> Record {
    let records = local.world.uploads.iter();
    let mut migrated = records.filter(|record| record.expected == Expected::Migrated);
    migrated.find(|record| fits(record)).unwrap().clone()
}

fn hashes(record: &Record) -> Vec<Multihash> {
    let shards = record.shards.iter();
    shards
        .map(|shard| Multihash::of(&Cid::try_from(shard.as_str()).unwrap()))
        .collect()
}

fn space(record: &Record) -> Did {
    Did::parse(&record.space).unwrap()
}

async fn worker(local: &Local) -> (Worker, CustomerTables) {
    let spaces = unkept_rows();
    let worker = Worker::new(local, spaces.clone(), Settings::default()).await;
    (worker, spaces)
}

async fn migrate(worker: &Worker, record: &Record, steps: StepFilter) -> Outcome {
    let unit = UnitId::new(record.customer.as_str(), record.space.as_str());
    let item = ItemId::new(record.root.as_str());
    worker
        .run(Job::Items(vec![(unit, item)]), steps, "one")
        .await
}

/// Lengths of the shards that a claim places for the upload's space.
pub(crate) async fn placed(services: &Services, record: &Record) -> Vec<u64> {
    let answer = services
        .indexing
        .claims(&hashes(record), &[], QueryKind::Standard)
        .await
        .unwrap();
    let claims = answer.claims.iter().map(|claim| Claim::of(claim).unwrap());
    claims
        .filter_map(|claim| match claim {
            Claim::Location(at) if at.space == Some(space(record)) => at.range?.length,
            _ => None,
        })
        .collect()
}

fn fault(service: Service, status: u16) -> Plan {
    Plan {
        service: Some(service),
        status: Some(status),
        ..Plan::default()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_whose_shards_are_listed_in_an_object_is_migrated_whole() {
    let local = Local::start(small()).await;
    let network = local.sandbox.network();
    let record = record(&local, |record| {
        record.condition == Condition::Fresh && record.shards.len() > 1
    });
    let links = record.shards.iter();
    let links = links.map(|shard| Ipld::Link(Cid::try_from(shard.as_str()).unwrap()));
    let list = cbor::encode(&Ipld::List(links.collect())).unwrap();
    let name = Multihash::sha256(&list).cid(codec::DAG_CBOR).unwrap();
    let key = format!("{}/{name}", record.space);
    let options = PutOptions::default();
    let put = network
        .objects
        .put(bucket::UPLOAD_SHARDS, &key, list, options);
    put.await.unwrap();
    let row = Row::new()
        .text("space", &*record.space)
        .text("root", &*record.root)
        .text("shardsRef", &*key)
        .text("insertedAt", "2024-03-05T10:00:00.000Z");
    network.db.put(Table::Upload, row).await.unwrap();
    let (worker, _) = worker(&local).await;
    let outcome = migrate(&worker, &record, StepFilter::All).await;
    assert_eq!((outcome.counts.done, outcome.counts.found), (1, 0));
    let services = local.services().await;
    assert_eq!(placed(&services, &record).await.len(), record.shards.len());

    // A list that is not what its name says is not a list.
    let other = cbor::encode(&Ipld::List(Vec::new())).unwrap();
    let options = PutOptions::default();
    let put = network
        .objects
        .put(bucket::UPLOAD_SHARDS, &key, other, options);
    put.await.unwrap();
    let error = services.tables.listed_shards(&key).await.unwrap_err();
    assert!(matches!(error.cause, Cause::Malformed(_)), "{error}");
    local.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_size_comes_from_any_table_and_at_last_from_the_object() {
    let local = Local::start(small()).await;
    let network = local.sandbox.network();
    let record = record(&local, |record| {
        record.condition == Condition::Fresh && record.protocol == Stored::Blob
    });
    let services = local.services().await;
    let shards: Vec<Cid> = record
        .shards
        .iter()
        .map(|shard| Cid::try_from(shard.as_str()).unwrap())
        .collect();
    let known = services
        .tables
        .shard_rows(&space(&record), &shards)
        .await
        .unwrap();
    for (table, attribute) in [
        (Table::Allocation, "multihash"),
        (Table::BlobRegistry, "digest"),
    ] {
        let left = services.tables.shard_rows(&space(&record), &shards).await;
        assert_eq!(left.unwrap(), known, "one table is enough");
        for hash in hashes(&record) {
            let key = Row::new()
                .text("space", &*record.space)
                .text(attribute, hash.base58());
            assert!(network.db.delete(table, key).await.unwrap());
        }
    }
    let left = services.tables.shard_rows(&space(&record), &shards).await;
    assert!(left.unwrap().is_empty());
    let (worker, _) = worker(&local).await;
    let outcome = migrate(&worker, &record, StepFilter::All).await;
    assert_eq!((outcome.counts.done, outcome.counts.found), (1, 0));
    let mut placed = placed(&services, &record).await;
    let mut sizes: Vec<u64> = known.values().map(|row| row.size).collect();
    placed.sort_unstable();
    sizes.sort_unstable();
    assert_eq!(placed, sizes);
    local.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_size_that_is_not_the_objects_publishes_nothing() {
    let local = Local::start(small()).await;
    let record = record(&local, |record| {
        record.condition == Condition::Fresh && record.protocol == Stored::Blob
    });
    let row = Row::new()
        .text("space", &*record.space)
        .text("multihash", hashes(&record)[0].base58())
        .number("size", 7);
    let network = local.sandbox.network();
    network.db.put(Table::Allocation, row).await.unwrap();
    let (worker, _) = worker(&local).await;
    let outcome = migrate(&worker, &record, StepFilter::All).await;
    assert_eq!(outcome.snapshot.reasons[&reasons::WRONG_SIZE], 1);
    assert!(placed(&local.services().await, &record).await.is_empty());
    assert_eq!(local.count(Service::Upload, "space/blob/add"), 0);
    local.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_carpark_that_fails_is_not_taken_for_an_empty_one() {
    let local = Local::start(small()).await;
    let services = local.services().await;
    let hash = &hashes(&record(&local, |_| true))[0];
    for status in [429, 500, 503] {
        let faults = &local.sandbox.network().faults;
        faults.add(fault(Service::Carpark, status));
        let located = services.carpark.locate(hash, Layout::Blob, &[]).await;
        assert!(located.is_err(), "{status}: {located:?}");
        faults.clear();
    }
    let unknown = Multihash::sha256(b"nowhere");
    let located = services.carpark.locate(&unknown, Layout::Blob, &[]).await;
    assert!(located.unwrap().is_none());
    local.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_row_is_found_by_the_raw_link_that_an_index_gives() {
    let local = Local::start(small()).await;
    let services = local.services().await;
    let record = record(&local, |record| record.protocol == Stored::Store);
    let hash = &hashes(&record)[0];
    let raw = hash.cid(codec::RAW).unwrap();
    let rows = services
        .tables
        .shard_rows(&space(&record), &[raw])
        .await
        .unwrap();
    assert_eq!(rows[hash].protocol, Protocol::Store);
    local.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_space_costs_one_authorisation() {
    let local = Local::start(small()).await;
    let (worker, _) = worker(&local).await;
    worker
        .run(Job::Units(units(&local)), StepFilter::All, "all")
        .await;
    let missing = Expected::Failed("MISSING_DELEGATION".to_owned());
    let records = local.world.uploads.iter();
    let spaces: std::collections::BTreeSet<_> = records
        .filter(|record| record.expected != missing)
        .map(|record| &record.space)
        .collect();
    let asked = local.count(Service::Gateway, "access/delegate");
    assert_eq!(asked, spaces.len() as u64);
    assert!(local.world.uploads.len() > 2 * spaces.len());
    local.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_customer_whose_uploads_are_complete_gets_no_migration_space() {
    let local = Local::start(small()).await;
    let (worker, spaces) = worker(&local).await;
    let complete = local
        .world
        .uploads
        .iter()
        .find(|record| record.condition == Condition::Complete)
        .unwrap()
        .clone();
    let outcome = migrate(&worker, &complete, StepFilter::All).await;
    assert_eq!(outcome.counts.found, 1);
    let customer = complete.customer.parse().unwrap();
    assert_eq!(spaces.migration_space(&customer).await.unwrap(), None);
    local.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_claim_shows_only_after_it_is_stored_and_its_advert_is_queued() {
    let local = Local::start(small()).await;
    let services = local.services().await;
    let record = record(&local, |record| record.condition == Condition::Fresh);
    let steps = || StepFilter::Only(vec![GATEWAY, LOCATION]);
    let faults = &local.sandbox.network().faults;
    for (service, operation) in [
        (Service::Sqs, "SendMessageBatch"),
        (Service::S3, "PutObject"),
    ] {
        let (worker, _) = worker(&local).await;
        faults.add(Plan {
            operation: Some(operation.to_owned()),
            ..fault(service, 500)
        });
        let run = migrate(&worker, &record, steps());
        // A run waits for a service that is down; nobody waits for it here.
        let ended = tokio::time::timeout(Duration::from_secs(5), run).await;
        assert!(ended.is_err() || ended.is_ok_and(|outcome| outcome.counts.done == 0));
        assert!(local.count(service, operation) > 0, "{operation}");
        faults.clear();
        assert!(placed(&services, &record).await.is_empty(), "{operation}");
    }
    let (worker, _) = worker(&local).await;
    let outcome = migrate(&worker, &record, steps()).await;
    assert_eq!(outcome.counts.done, 1);
    assert_eq!(placed(&services, &record).await.len(), record.shards.len());
    local.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_space_that_another_pays_for_is_a_conflict() {
    let local = Local::start(small()).await;
    let services = local.services().await;
    let space = sterna::proto::key::Signer::generate();
    let of = |customer: &str| local.provision(space.did(), customer, space.did());
    let alice = of("did:mailto:example.com:alice");
    services.tables.provision(&alice).await.unwrap();
    services.tables.provision(&alice).await.unwrap();
    let bob = of("did:mailto:example.com:bob");
    let error = services.tables.provision(&bob).await.unwrap_err();
    assert!(matches!(error.cause, Cause::Conflict(_)), "{error}");
    local.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn lists_are_read_over_every_page() {
    let local = Local::start(small()).await;
    let services = local.services().await;
    let space = sterna::proto::key::Signer::generate().did().clone();
    let shards: Vec<String> = (0..60)
        .map(|number: u32| Multihash::sha256(&number.to_be_bytes()).base58())
        .collect();
    let row = |number: u32| {
        Row::new()
            .text("space", space.as_str())
            .text("root", format!("root{number:04}"))
            .texts("shards", &shards)
            .text("insertedAt", "2024-03-05T10:00:00.000Z")
    };
    let rows = (0..700).map(row).collect();
    let network = local.sandbox.network();
    network.db.put_all(Table::Upload, rows).await.unwrap();
    assert_eq!(services.tables.count_uploads(&space).await.unwrap(), 700);
    let (mut listed, mut pages, mut after) = (0, 0, None);
    loop {
        let page = services
            .tables
            .uploads(&space, after.as_deref(), None)
            .await
            .unwrap();
        (listed, pages) = (listed + page.rows.len(), pages + 1);
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    assert_eq!(listed, 700);
    assert!(pages > 1, "one page proves nothing");
    local.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn ranges_of_a_space_hold_each_upload_once() {
    let local = Local::start(small()).await;
    let services = local.services().await;
    let space = sterna::proto::key::Signer::generate().did().clone();
    let row = |number: u32| {
        Row::new()
            .text("space", space.as_str())
            .text("root", format!("root{number:04}"))
    };
    let rows = (0..90).map(row).collect();
    let network = local.sandbox.network();
    network.db.put_all(Table::Upload, rows).await.unwrap();
    // Ends that are uploads, that are none, and that hold nothing between them.
    let ends = ["root0009", "root0033x", "root0033y", "root0060", "root0061"].map(Some);
    let mut listed = Vec::new();
    let mut after = None;
    for until in ends.into_iter().chain([None]) {
        let page = services.tables.uploads(&space, after, until).await.unwrap();
        assert!(
            page.rows
                .iter()
                .all(|row| until.is_none_or(|until| *row.root <= *until))
        );
        listed.extend(page.rows.into_iter().map(|row| row.root));
        after = until;
    }
    let wanted: Vec<String> = (0..90).map(|number| format!("root{number:04}")).collect();
    assert_eq!(listed, wanted);
    let none = services
        .tables
        .uploads(&space, Some("root0061"), Some("root0061"));
    assert!(none.await.unwrap().rows.is_empty());
    local.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revoked_delegation_is_not_chosen() {
    let local = Local::start(small()).await;
    let services = local.services().await;
    let record = record(&local, |record| record.condition == Condition::Fresh);
    let network = local.sandbox.network();
    let issued = services.tables.delegations_by_issuer(&space(&record)).await;
    for row in issued.unwrap() {
        let revoked = Row::new().text("revoke", row.link.to_string());
        network.db.put(Table::Revocation, revoked).await.unwrap();
    }
    let (worker, _) = worker(&local).await;
    let steps = StepFilter::Only(vec![GATEWAY, LOCATION]);
    let outcome = migrate(&worker, &record, steps).await;
    assert_eq!(outcome.snapshot.reasons[&reasons::MISSING_DELEGATION], 1);
    assert_eq!(local.count(Service::Gateway, "access/delegate"), 0);
    local.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_delegation_is_found_in_either_bucket_and_an_error_is_not_absence() {
    let local = Local::start(small()).await;
    let services = local.services().await;
    let record = record(&local, |record| record.condition == Condition::Fresh);
    let network = local.sandbox.network();
    let issued = services.tables.delegations_by_issuer(&space(&record)).await;
    let link = issued.unwrap()[0].link;
    let found = services.delegations.read(&link).await.unwrap().unwrap();
    assert_eq!(*found.cid(), link);

    let key = format!("/delegations/{link}.car");
    let (_, bytes) = network
        .objects
        .get(bucket::DELEGATIONS, &key)
        .await
        .unwrap()
        .unwrap();
    let deleted = network
        .objects
        .delete(bucket::DELEGATIONS, &key, Holds::Always);
    deleted.await.unwrap();
    assert!(services.delegations.read(&link).await.unwrap().is_none());
    let options = PutOptions::default();
    let moved = network
        .objects
        .put(bucket::OLD_DELEGATIONS, &key, bytes.to_vec(), options);
    moved.await.unwrap();
    assert!(services.delegations.read(&link).await.unwrap().is_some());
    // The second bucket is enough: R2 need not be set up at all.
    let mut config = local.config.clone();
    config.aws.r2 = None;
    let without = Services::connect(&config, Clock::system(), ServiceRegistry::new());
    let without = without.await.unwrap();
    assert!(without.delegations.read(&link).await.unwrap().is_some());

    for status in [403, 500] {
        network.faults.add(fault(Service::S3, status));
        assert!(services.delegations.read(&link).await.is_err(), "{status}");
        network.faults.clear();
    }
    local.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_that_a_batch_left_out_is_written_again_and_has_no_cause() {
    let local = Local::start(small()).await;
    let services = local.services().await;
    let network = local.sandbox.network();
    let issuer = sterna::proto::key::Signer::generate().did().clone();
    let audience = Did::parse("did:mailto:example.com:alice").unwrap();
    let link = Multihash::sha256(b"delegation")
        .cid(codec::DAG_CBOR)
        .unwrap();
    let table = Table::Delegation.name();
    let item = serde_json::json!({
        "link": { "S": link.to_string() },
        "audience": { "S": audience.as_str() },
        "issuer": { "S": issuer.as_str() },
        "expiration": { "NULL": true },
    });
    let left =
        serde_json::json!({ "UnprocessedItems": { table: [{ "PutRequest": { "Item": item } }] } });
    network.faults.add(Plan {
        operation: Some("BatchWriteItem".to_owned()),
        body: Some(left.to_string()),
        times: Some(1),
        ..fault(Service::DynamoDb, 200)
    });
    let stored = services
        .tables
        .store_delegation_row(&link, &audience, &issuer, None);
    stored.await.unwrap();
    assert_eq!(network.faults.plans()[0].2, 1, "the fault struck");
    let key = Row::new().text("link", link.to_string());
    let row = network
        .db
        .get(Table::Delegation, key)
        .await
        .unwrap()
        .unwrap();
    assert!(row.has("expiration") && !row.has("cause"));
    local.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repeated_invocation_is_a_new_one() {
    let local = Local::start(small()).await;
    let services = local.services().await;
    let space = sterna::proto::key::Signer::generate();
    let blob = Blob::new(bytes::Bytes::from_static(b"index"));
    assert!(services.upload.add_blob(&space, &blob).await.is_err());
    let provision = local.provision(space.did(), "did:mailto:example.com:alice", space.did());
    services.tables.provision(&provision).await.unwrap();
    // In the same second: the service would answer the same invocation with the error that it stored.
    services.upload.add_blob(&space, &blob).await.unwrap();
    local.stop().await;
}

/// An upload whose shards do not hold its root cannot be read by anybody, with or without an index.
#[tokio::test(flavor = "multi_thread")]
async fn a_root_that_is_in_no_shard_is_reported_and_no_index_is_stored() {
    let local = Local::start(small()).await;
    let mut record = record(&local, |record| record.condition == Condition::Fresh);
    let network = local.sandbox.network();
    let key = Row::new()
        .text("space", &*record.space)
        .text("root", &*record.root);
    let row = network.db.get(Table::Upload, key).await.unwrap().unwrap();
    record.root = Multihash::sha256(b"elsewhere")
        .cid(codec::RAW)
        .unwrap()
        .to_string();
    let row = row.text("root", &*record.root);
    network.db.put(Table::Upload, row).await.unwrap();
    let (worker, _) = worker(&local).await;
    network.meter.reset();
    let outcome = migrate(&worker, &record, StepFilter::All).await;
    assert_eq!(outcome.counts.quarantined, 1);
    assert!(
        outcome
            .snapshot
            .reasons
            .contains_key(&reasons::MISSING_ROOT)
    );
    assert_eq!(local.count(Service::Upload, "space/blob/add"), 0);
    local.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_of_the_gateway_keeps_its_reason() {
    let local = Local::start(small()).await;
    let record = record(&local, |record| record.condition == Condition::Fresh);
    local.sandbox.network().faults.add(Plan {
        body: Some("closed for the holidays".to_owned()),
        ..fault(Service::Gateway, 400)
    });
    let (worker, _) = worker(&local).await;
    worker
        .run(Job::Units(units(&local)), StepFilter::All, "refused")
        .await;
    let failures = worker.failures().await;
    let of_space = failures.iter().find(|one| *one.unit.name == *record.space);
    let of_space = of_space.unwrap();
    assert!(of_space.item.is_all_of_unit(), "{of_space:?}");
    let told = &of_space.failure.message;
    assert!(told.contains("closed for the holidays"), "{told}");
    local.stop().await;
}
