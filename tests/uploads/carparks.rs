//! Several carparks: a shard is missing only when none has it and no claim leads elsewhere.

use bytes::Bytes;
use cid::Cid;
use sterna::client::QueryKind;
use sterna::engine::{Ended, Job, StepFilter};
use sterna::migrations::uploads::Settings;
use sterna::migrations::uploads::reasons;
use sterna::model::{Counts, ItemId, Reason, UnitId};
use sterna::proto::claims::Claim;
use sterna::proto::multihash::{Multihash, codec};
use sterna::sandbox::world::manifest::Record;
use sterna::sandbox::world::plan::{Condition, Protocol};
use sterna::sandbox::{self, Plan, PutOptions, Service, bucket};

use crate::fixture::{Local, small};
use crate::worker::{Worker, unkept_rows};

fn fresh(local: &Local, protocol: Protocol) -> &Record {
    let mut all = local.world.uploads.iter();
    let fits =
        |record: &&Record| record.condition == Condition::Fresh && record.protocol == protocol;
    all.find(fits).unwrap()
}

fn shard_of(record: &Record) -> Multihash {
    Multihash::of(&Cid::try_from(record.shards[0].as_str()).unwrap())
}

fn keys(hash: &Multihash) -> [String; 2] {
    let (blob, car) = (hash.base58(), hash.cid(codec::CAR).unwrap());
    [format!("{blob}/{blob}.blob"), format!("{car}/{car}.car")]
}

/// Takes the object of a shard out of the carpark; gives its bytes.
async fn take(local: &Local, hash: &Multihash) -> (String, Bytes) {
    let objects = &local.sandbox.network().objects;
    for key in keys(hash) {
        if let Some((_, bytes)) = objects.get(bucket::CARPARK, &key).await.unwrap() {
            let none = sandbox::Condition::default();
            objects.delete(bucket::CARPARK, &key, none).await.unwrap();
            return (key, bytes);
        }
    }
    panic!("no object of the shard");
}

async fn put(local: &Local, key: &str, bytes: Bytes) {
    let objects = &local.sandbox.network().objects;
    let put = objects.put(bucket::CARPARK, key, bytes, PutOptions::default());
    put.await.unwrap();
}

async fn worker(local: &Local) -> Worker {
    Worker::new(local, unkept_rows(), Settings::default()).await
}

/// Migrates one upload; gives how it ended and the reason, if there is one.
async fn migrate(worker: &Worker, record: &Record, run: &str) -> (Counts, Option<Reason>) {
    let unit = UnitId::new(record.customer.as_str(), record.space.as_str());
    let item = ItemId::new(record.root.as_str());
    let job = Job::Items(vec![(unit, item)]);
    let outcome = worker.run(job, StepFilter::All, run).await;
    assert_eq!(outcome.ended, Ended::Finished);
    let reason = outcome.snapshot.reasons.keys().next().copied();
    (outcome.counts, reason)
}

/// A world with a second carpark, that of another network.
async fn two() -> (Local, Local) {
    let (mut local, other) = (Local::start(small()).await, Local::start(small()).await);
    local.config.network.carpark.all = vec![
        local.config.network.carpark.blob_url.clone(),
        other.config.network.carpark.blob_url.clone(),
    ];
    (local, other)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shard_in_the_second_carpark_is_found_in_either_layout() {
    let (local, other) = two().await;
    let moved: Vec<&Record> = [Protocol::Blob, Protocol::Store]
        .map(|protocol| fresh(&local, protocol))
        .into();
    for record in &moved {
        let (_, bytes) = take(&local, &shard_of(record)).await;
        // The other network has the same world.
        take(&other, &shard_of(record)).await;
        // Each under the layout of the other protocol.
        let [blob, car] = keys(&shard_of(record));
        let key = if record.protocol == Protocol::Blob {
            car
        } else {
            blob
        };
        put(&other, &key, bytes).await;
    }
    let worker = worker(&local).await;
    for record in &moved {
        let (counts, reason) = migrate(&worker, record, &record.root).await;
        assert_eq!((counts.migrated(), reason), (1, None));
    }
    // The claims lead there.
    let services = local.services().await;
    let origin = other.config.network.carpark.blob_url.origin();
    for record in &moved {
        let hashes = [shard_of(record)];
        let asked = services.indexing.claims(&hashes, &[], QueryKind::Location);
        let claims = asked.await.unwrap().claims;
        let leads = claims.iter().any(|claim| {
            let Ok(Claim::Location(location)) = Claim::of(claim) else {
                return false;
            };
            let mut urls = location.location.iter();
            location.space.is_some()
                && urls.any(|url| url::Url::parse(url).unwrap().origin() == origin)
        });
        assert!(leads, "{}", record.root);
    }
    local.stop().await;
    other.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shard_is_missing_only_when_every_carpark_says_so() {
    let (local, other) = two().await;
    let record = fresh(&local, Protocol::Blob);
    take(&local, &shard_of(record)).await;
    take(&other, &shard_of(record)).await;
    let worker = worker(&local).await;
    let faults = &other.sandbox.network().faults;
    faults.add(Plan {
        service: Some(Service::Carpark),
        status: Some(503),
        ..Plan::default()
    });
    let (counts, reason) = migrate(&worker, record, "trouble").await;
    assert_eq!((counts.bad(), counts.quarantined), (1, 0));
    assert_ne!(reason, Some(reasons::MISSING_BLOB));
    faults.clear();
    let (counts, reason) = migrate(&worker, record, "gone").await;
    assert_eq!(
        (counts.quarantined, reason),
        (1, Some(reasons::MISSING_BLOB))
    );
    local.stop().await;
    other.stop().await;
}
