//! What people and proxies who have nothing to do with an upload can make of it: nothing.

use std::time::Duration;

use bytes::Bytes;
use cid::Cid;
use sterna::client::{Blob, QueryKind, Services};
use sterna::engine::{self, Explained, Job, Outcome, StepFilter};
use sterna::migrations::uploads::reasons;
use sterna::migrations::uploads::{GATEWAY, LOCATION, REGISTER_INDEX, STORE_INDEX, Settings};
use sterna::model::{Class, ItemId, Unit, UnitId, Verdict};
use sterna::proto::claims::{Claim, relocate};
use sterna::proto::did::Did;
use sterna::proto::index::{Position, ShardedDagIndex, link};
use sterna::proto::key::Signer;
use sterna::proto::multihash::{Multihash, codec};
use sterna::sandbox::Service;
use sterna::sandbox::world::manifest::Record;
use sterna::sandbox::world::plan::{Condition, Expected};

use crate::fixture::{Local, small};
use crate::grants::revoke;
use crate::proxy::{Proxy, Swap};
use crate::worker::{Worker, unkept_rows};

/// What would be made for an upload of which nothing is known.
const PUBLISHING: [(Service, &str); 6] = [
    (Service::Upload, "space/blob/add"),
    (Service::Indexer, "assert/index"),
    (Service::Indexer, "claim/cache"),
    (Service::S3, "PutObject"),
    (Service::Sqs, "SendMessageBatch"),
    (Service::DynamoDb, "PutItem"),
];

fn record(local: &Local, condition: Condition, expected: &Expected) -> Record {
    let mut uploads = local.world.uploads.iter();
    let fits = |one: &&Record| one.condition == condition && one.expected == *expected;
    uploads.find(fits).unwrap().clone()
}

fn item(record: &Record) -> (UnitId, ItemId) {
    (
        UnitId::new(record.customer.as_str(), record.space.as_str()),
        ItemId::new(record.root.as_str()),
    )
}

async fn explain(worker: &Worker, record: &Record) -> Explained {
    let (unit, item) = item(record);
    let explained = engine::explain(&worker.parts(), &unit, Some(&item)).await;
    explained.unwrap()
}

/// An index of the upload's shards that has the root where it is not.
async fn foreign(services: &Services, record: &Record) -> ShardedDagIndex {
    let root = Cid::try_from(record.root.as_str()).unwrap();
    let shards = record.shards.iter().map(|one| Cid::try_from(one.as_str()));
    let shards: Vec<Cid> = shards.collect::<Result<_, _>>().unwrap();
    let space = Did::parse(&record.space).unwrap();
    let rows = services.tables.shard_rows(&space, &shards).await.unwrap();
    let mut index = ShardedDagIndex::new(root);
    for shard in shards.iter().map(Multihash::of) {
        let (offset, length) = (0, rows[&shard].size);
        index.set_slice(&shard, shard.clone(), Position { offset, length });
        let length = 1;
        index.set_slice(&shard, Multihash::of(&root), Position { offset, length });
    }
    index
}

/// A customer of the network stores an index in a space of its own and registers it for the content of another.
async fn register(local: &Local, services: &Services, record: &Record, stranger: &Signer) -> Cid {
    let (did, mallory) = (stranger.did(), "did:mailto:example.com:mallory");
    let provision = local.provision(did, mallory, did);
    services.tables.provision(&provision).await.unwrap();
    let archive = foreign(services, record).await.archive();
    let index = link(&archive);
    let blob = Blob::new(Bytes::from(archive));
    services.upload.add_blob(stranger, &blob).await.unwrap();
    let root = Cid::try_from(record.root.as_str()).unwrap();
    let asserted = services.indexing.assert_index(stranger, &root, &index);
    asserted.await.unwrap();
    index
}

/// Issuers and links of the index claims about an upload.
async fn claimed(services: &Services, record: &Record) -> Vec<(Did, Cid)> {
    let root = [Multihash::of(&Cid::try_from(record.root.as_str()).unwrap())];
    let asked = services.indexing.claims(&root, &[], QueryKind::Standard);
    let claims = asked.await.unwrap().claims.into_iter();
    let index = |claim: sterna::proto::ucan::Delegation| match Claim::of(&claim) {
        Ok(Claim::Index(index)) => Some((claim.issuer().clone(), index.index)),
        _ => None,
    };
    claims.filter_map(index).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_strangers_index_is_named_and_the_upload_gets_one_of_its_own() {
    let local = Local::start(small()).await;
    let services = local.services().await;
    let record = record(&local, Condition::Fresh, &Expected::Migrated);
    let spaces = unkept_rows();
    let worker = Worker::new(&local, spaces.clone(), Settings::default()).await;
    let located = StepFilter::Only(vec![GATEWAY, LOCATION]);
    let job = || Job::Items(vec![item(&record)]);
    worker.run(job(), located, "all but the index").await;
    let stranger = Signer::generate();
    let index = register(&local, &services, &record, &stranger).await;
    let before = claimed(&services, &record).await;
    assert_eq!(before, [(stranger.did().clone(), index)]);

    let told = explain(&worker, &record).await;
    assert_eq!(told.verdict, Verdict::Missing, "{told:?}");
    let lacking = told.findings.iter().find(|one| one.step == STORE_INDEX);
    let why = &lacking.unwrap().why;
    let named = format!("index {index} was claimed by {}", stranger.did());
    assert!(why.contains(&named), "{why}");

    let again = Worker::new(&local, spaces, Settings::default()).await;
    again.run(job(), StepFilter::All, "the index").await;
    assert!(again.failed().await.is_empty());
    let after = claimed(&services, &record).await;
    let own = after.iter().find(|(issuer, _)| issuer != stranger.did());
    assert!(own.is_some_and(|(_, link)| *link != index), "{after:?}");
    let told = explain(&again, &record).await;
    assert_eq!(told.verdict, Verdict::Ok, "{told:?}");

    // With the stranger's claim still there, nothing is made a second time.
    let added = local.count(Service::Upload, "space/blob/add");
    again.run(job(), StepFilter::All, "once more").await;
    assert_eq!(local.count(Service::Upload, "space/blob/add"), added);
    local.stop().await;
}

/// An index of the same content, right in itself, in which nothing lies.
fn other_index(cid: &Cid, bytes: &[u8]) -> Option<Vec<u8>> {
    let index = || ShardedDagIndex::extract(bytes).unwrap();
    (cid.codec() == codec::CAR).then(|| ShardedDagIndex::new(*index().content()).archive())
}

/// A claim about other content, right in itself.
fn other_claim(cid: &Cid, _: &[u8]) -> Option<Vec<u8>> {
    let signer = Signer::from_seed([9; 32]);
    let elsewhere = Multihash::sha256(b"other");
    let claim = relocate(&signer, signer.did(), &elsewhere, "https://a.example/b", 1);
    (cid.codec() == codec::DAG_CBOR).then(|| claim.unwrap().block().bytes.to_vec())
}

/// Otherwise the upload would seem to lack what it has, and get it a second time.
#[tokio::test(flavor = "multi_thread")]
async fn what_a_cid_does_not_name_shows_nothing_and_publishes_nothing() {
    let mut local = Local::start(small()).await;
    local.config.limits.tries = 2;
    let record = record(&local, Condition::Complete, &Expected::AlreadyComplete);
    let spaces = unkept_rows();
    let service = local.config.network.indexing_service.url.clone();
    let honest = Worker::new(&local, spaces.clone(), Settings::default()).await;
    let told = explain(&honest, &record).await;
    assert!(told.failure.is_none(), "{told:?}");
    for swap in [other_index as Swap, other_claim] {
        let proxy = Proxy::start(service.clone(), swap).await;
        local.config.network.indexing_service.url = proxy.url.clone();
        let worker = Worker::new(&local, spaces.clone(), Settings::default()).await;
        local.sandbox.network().meter.reset();
        let told = explain(&worker, &record).await;
        // Nothing is said of the upload; its space was never authorised by this worker.
        let steps: Vec<_> = told.findings.iter().map(|one| &one.step).collect();
        assert_eq!(steps, [&GATEWAY]);
        let failure = told.failure.unwrap();
        assert_eq!(failure.class, Class::Unknown, "{failure:?}");
        let text = failure.to_string();
        assert!(text.contains("indexing-service"), "{text}");
        assert!(
            text.contains("block baf") || text.contains("block bag"),
            "{text}"
        );
        // Nor does a run wait for the service to answer rightly.
        let steps = StepFilter::Only(vec![STORE_INDEX, REGISTER_INDEX, LOCATION]);
        let run = worker.run(Job::Items(vec![item(&record)]), steps, "swapped");
        let ended = tokio::time::timeout(Duration::from_mins(1), run).await;
        let counts = ended.unwrap().counts;
        assert_eq!((counts.done, counts.unknown), (0, 1), "{counts:?}");
        for (service, operation) in PUBLISHING {
            assert_eq!(local.count(service, operation), 0, "{operation}");
        }
    }
    local.stop().await;
}

/// A row by which a customer says to pay for the space of another, under the provider that counts first.
async fn claim_space(local: &Local, services: &Services, record: &Record, customer: &str) {
    let space = Did::parse(&record.space).unwrap();
    let provision = local.provision(&space, customer, Signer::generate().did());
    services.tables.provision(&provision).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_alone_does_not_make_a_space_somebody_elses() {
    const MALLORY: &str = "did:mailto:example.com:mallory";
    let local = Local::start(small()).await;
    let services = local.services().await;
    let record = record(&local, Condition::Fresh, &Expected::Migrated);
    claim_space(&local, &services, &record, MALLORY).await;
    let job = |customer: &str| {
        let unit = UnitId::new(customer, record.space.as_str());
        Job::Units(vec![Unit::new(unit)])
    };
    let spaces = unkept_rows();
    let set = |is_customer_named| Settings {
        is_customer_named,
        ..Settings::default()
    };
    let made = || PUBLISHING.map(|(service, what)| local.count(service, what));

    // Whole, and without the step of the space: nothing is made for her, and she is told to whom the space is shared.
    let before = made();
    for (steps, name) in [
        (StepFilter::All, "all"),
        (StepFilter::Only(vec![STORE_INDEX]), "the index alone"),
    ] {
        let worker = Worker::new(&local, spaces.clone(), set(false)).await;
        let outcome = worker.run(job(MALLORY), steps, name).await;
        assert_eq!(outcome.counts.migrated(), 0, "{name}");
        let refused = outcome.snapshot.reasons.get(&reasons::CUSTOMER_CONFLICT);
        assert!(refused.is_some_and(|uploads| *uploads > 0), "{name}");
        // A run of one step alone keeps no rows.
        let failures = worker.failures().await;
        assert_eq!(failures.is_empty(), name != "all");
        for failed in &failures {
            assert_eq!(failed.failure.reason, reasons::CUSTOMER_CONFLICT, "{name}");
            assert_eq!(failed.failure.class, Class::Permanent);
            let why = &failed.failure.message;
            let alone = format!("with {} alone", record.customer);
            for word in [MALLORY, &record.customer, &record.space, &alone] {
                assert!(why.contains(word), "{why}");
            }
        }
    }
    assert_eq!(made(), before, "nothing was made");

    // The one with whom the space shared itself is not kept waiting by her row.
    let worker = Worker::new(&local, spaces.clone(), set(false)).await;
    let outcome = worker
        .run(job(&record.customer), StepFilter::All, "own")
        .await;
    assert!(outcome.counts.migrated() > 0);
    let refused = |outcome: &Outcome| {
        outcome
            .snapshot
            .reasons
            .get(&reasons::CUSTOMER_CONFLICT)
            .copied()
    };
    assert_eq!(refused(&outcome), None);

    // Nor is anybody whom the operator names.
    let worker = Worker::new(&local, spaces, set(true)).await;
    let outcome = worker.run(job(MALLORY), StepFilter::All, "said so").await;
    assert!(outcome.counts.done > 0);
    assert_eq!(refused(&outcome), None);
    local.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_space_of_which_no_delegation_says_whose_it_is_waits() {
    let local = Local::start(small()).await;
    let services = local.services().await;
    let record = record(&local, Condition::Fresh, &Expected::Migrated);
    claim_space(&local, &services, &record, "did:mailto:example.com:mallory").await;
    let space = Did::parse(&record.space).unwrap();
    let rows = services.tables.delegations_by_issuer(&space).await.unwrap();
    let shared = rows.iter().filter(|row| row.audience == record.customer);
    for row in shared {
        revoke(&local, &row.link).await;
    }
    let worker = Worker::new(&local, unkept_rows(), Settings::default()).await;
    let job = Job::Units(vec![Unit::new(item(&record).0)]);
    worker.run(job, StepFilter::All, "nobody's").await;
    let failures = worker.failures().await;
    let [failed] = &failures[..] else {
        panic!("{failures:?}")
    };
    assert_eq!(failed.failure.reason, reasons::CUSTOMER_CONFLICT);
    let why = &failed.failure.message;
    assert!(
        why.contains("no delegation of the space shows who owns it"),
        "{why}"
    );
    assert!(
        reasons::REASONS
            .advice(failed.failure.reason)
            .contains("--customer CUSTOMER --space SPACE")
    );
    local.stop().await;
}
