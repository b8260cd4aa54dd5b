//! What an audit says when something that was migrated is gone, and what a recheck makes of it.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use cid::Cid;
use sterna::engine::{self, Depth, Ended, Job, Report, Scope, StepFilter};
use sterna::migrations::uploads::{GATEWAY, LOCATION, STORE_INDEX, Settings, reasons};
use sterna::model::{Audited, InstanceId, JournalEntry, JournalLine, StepName, StepState, Verdict};
use sterna::proto::multihash::{Multihash, codec};
use sterna::sandbox::world::manifest::Record;
use sterna::sandbox::world::plan::{Condition, Expected, Protocol};
use sterna::sandbox::{self, PutOptions, Row, Table, bucket};
use sterna::state::files::read_journal;
use sterna::state::{Journal, Reopen};

use crate::fixture::{Local, small};
use crate::worker::{Worker, config, expected, kept_back, units, unkept_rows};

async fn migrated(local: &Local) -> Worker {
    let spaces = unkept_rows();
    let worker = Worker::new(local, spaces, Settings::default()).await;
    worker
        .run(Job::Units(units(local)), StepFilter::All, "first")
        .await;
    assert_eq!(worker.failed().await, expected(local));
    worker
}

/// What is not ok, by root.
async fn audited(
    local: &Local,
    worker: &Worker,
    depth: Depth,
    name: &str,
) -> BTreeMap<String, Audited> {
    let mut config = config(name);
    config.depth = depth;
    let scope = Scope::Units(units(local));
    let audit = engine::audit(worker.parts(), config, scope, Report::new("audit", "all"));
    let outcome = audit.await.unwrap();
    assert_eq!((&outcome.ended, outcome.unlisted), (&Ended::Finished, 0));
    assert_eq!(outcome.verdicts.total(), local.world.uploads.len() as u64);
    assert_eq!(outcome.verdicts.could_not_tell, 0, "{:?}", outcome.first);
    let bad = outcome.first.into_iter();
    bad.map(|one| (one.item.to_string(), one)).collect()
}

pub(crate) async fn recheck(local: &Local, worker: &Worker, since: u64) {
    let mut config = config(&format!("recheck-{since}"));
    config.reopen = Reopen::Recheck(sterna::model::UnixMillis(since));
    config.depth = Depth::Presence;
    let job = Job::Units(units(local));
    let outcome = engine::run(worker.parts(), config, job).await.unwrap();
    assert_eq!(outcome.ended, Ended::Finished);
}

/// Uploads that were migrated and have shards of this protocol, all in one space.
fn some(local: &Local, protocol: Protocol) -> Vec<&Record> {
    let all = local.world.uploads.iter();
    let fit = |record: &&Record| {
        record.expected == Expected::Migrated
            && record.condition == Condition::Fresh
            && record.protocol == protocol
    };
    all.filter(fit).collect()
}

/// The index that the run stored for an upload.
fn index_of(worker: &Worker, record: &Record) -> Multihash {
    let journal = Journal::path(worker.store.config(), &InstanceId::number(1));
    let lines: Vec<JournalLine> = read_journal(&journal).unwrap();
    let stored = lines.into_iter().find_map(|line| match line {
        JournalLine::Record(line) => match line.entry {
            JournalEntry::Applied(effect)
                if effect.kind == "index-stored"
                    && *line.unit.name == *record.space
                    && line.item.is_some_and(|item| item.as_str() == record.root) =>
            {
                Some(effect.subject)
            }
            _ => None,
        },
        JournalLine::Opening(_) => None,
    });
    Multihash::of(&Cid::try_from(stored.unwrap().as_str()).unwrap())
}

fn keys(hash: &Multihash) -> [String; 2] {
    let (blob, car) = (hash.base58(), hash.cid(codec::CAR).unwrap());
    [format!("{blob}/{blob}.blob"), format!("{car}/{car}.car")]
}

fn shard_of(record: &Record) -> Multihash {
    Multihash::of(&Cid::try_from(record.shards[0].as_str()).unwrap())
}

async fn remove(local: &Local, hash: &Multihash) {
    let objects = &local.sandbox.network().objects;
    let mut removed = false;
    for key in keys(hash) {
        let gone = objects.delete(bucket::CARPARK, &key, sandbox::Condition::default());
        removed |= gone.await.unwrap();
    }
    assert!(removed);
}

/// Flips the last byte of an object of the carpark.
async fn corrupt(local: &Local, hash: &Multihash) {
    let objects = &local.sandbox.network().objects;
    for key in keys(hash) {
        let Some((_, bytes)) = objects.get(bucket::CARPARK, &key).await.unwrap() else {
            continue;
        };
        let mut bytes = bytes.to_vec();
        *bytes.last_mut().unwrap() ^= 1;
        let put = objects.put(
            bucket::CARPARK,
            &key,
            Bytes::from(bytes),
            PutOptions::default(),
        );
        put.await.unwrap();
        return;
    }
    panic!("nothing to corrupt");
}

fn steps(audited: &Audited) -> Vec<&StepName> {
    let mut steps: Vec<_> = audited.findings.iter().map(|found| &found.step).collect();
    steps.dedup();
    steps
}

#[tokio::test(flavor = "multi_thread")]
async fn an_index_whose_bytes_are_gone_is_reported_and_a_recheck_stores_it_again() {
    let local = Local::start(small()).await;
    let worker = migrated(&local).await;
    let clean = audited(&local, &worker, Depth::Presence, "clean").await;
    let uploads = local.world.uploads.iter();
    let bad = uploads.filter(|one| matches!(one.expected, Expected::Failed(_)));
    let bad: BTreeSet<_> = bad.map(|one| &one.root).collect();
    assert_eq!(clean.keys().collect::<BTreeSet<_>>(), bad);
    let record = some(&local, Protocol::Blob)[0];
    let index = index_of(&worker, record);
    remove(&local, &index).await;

    let plain = audited(&local, &worker, Depth::Records, "records").await;
    assert!(!plain.contains_key(&record.root), "the service has a copy");
    let found = audited(&local, &worker, Depth::Presence, "presence").await;
    assert_eq!(found.len(), clean.len() + 1);
    let told = &found[&record.root];
    assert_eq!(told.verdict, Verdict::Wrong, "{told:?}");
    assert!(steps(told).contains(&&STORE_INDEX), "{told:?}");

    // A run of completed spaces does not look; a recheck does.
    worker
        .run(Job::Units(units(&local)), StepFilter::All, "again")
        .await;
    let objects = &local.sandbox.network().objects;
    assert!(objects.head(bucket::CARPARK, &keys(&index)[0]).is_none());
    recheck(&local, &worker, 1).await;
    assert!(objects.head(bucket::CARPARK, &keys(&index)[0]).is_some());
    assert_eq!(worker.failed().await, expected(&local));
    let after = audited(&local, &worker, Depth::Presence, "after").await;
    assert_eq!(after, clean);
    local.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shard_that_is_gone_is_missing_and_a_recheck_sets_the_upload_aside() {
    let local = Local::start(small()).await;
    let worker = migrated(&local).await;
    let clean = audited(&local, &worker, Depth::Presence, "clean").await;
    for protocol in [Protocol::Blob, Protocol::Store] {
        let record = some(&local, protocol)[0];
        remove(&local, &shard_of(record)).await;
    }
    let found = audited(&local, &worker, Depth::Presence, "presence").await;
    assert_eq!(found.len(), clean.len() + 2);
    for protocol in [Protocol::Blob, Protocol::Store] {
        let told = &found[&some(&local, protocol)[0].root];
        assert_eq!(told.verdict, Verdict::Missing, "{told:?}");
        let failure = told.failure.as_ref().unwrap();
        assert_eq!(failure.reason, reasons::MISSING_BLOB);
        assert_eq!(failure.step, Some(LOCATION));
    }
    recheck(&local, &worker, 1).await;
    let failed = worker.failed().await;
    assert_eq!(failed.len(), expected(&local).len() + 2);
    for protocol in [Protocol::Blob, Protocol::Store] {
        let root = &some(&local, protocol)[0].root;
        assert_eq!(failed[root], reasons::MISSING_BLOB);
    }
    local.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revoked_authorisation_of_the_gateway_makes_every_upload_of_its_space_wrong() {
    let local = Local::start(small()).await;
    let worker = migrated(&local).await;
    let clean = audited(&local, &worker, Depth::Presence, "clean").await;
    let record = some(&local, Protocol::Blob)[0];
    let all = units(&local);
    let unit = all.iter().find(|one| *one.id.name == *record.space);
    let unit = unit.unwrap().id.clone();
    let row = worker.store.progress(&unit).await.unwrap().unwrap();
    let StepState::Applied(effect) = &row.steps[&GATEWAY].state else {
        panic!("{row:?}")
    };
    let revoked = Row::new().text("revoke", effect.facts["proof"].clone());
    let db = &local.sandbox.network().db;
    db.put(Table::Revocation, revoked.clone()).await.unwrap();

    let found = audited(&local, &worker, Depth::Presence, "presence").await;
    let uploads = local.world.uploads.iter();
    let of_space: Vec<_> = uploads
        .filter(|one| one.space == record.space)
        .map(|one| &one.root)
        .collect();
    for root in &of_space {
        let told = &found[*root];
        assert_eq!(told.verdict, Verdict::Wrong, "{told:?}");
        assert!(steps(told).contains(&&GATEWAY), "{told:?}");
    }
    let others = found.keys().filter(|root| !of_space.contains(root));
    assert!(others.clone().all(|root| clean.contains_key(root)));

    // No other delegation lets an account pass it on: the uploads are quarantined until there is one.
    recheck(&local, &worker, 1).await;
    let failed = worker.failed().await;
    // A damaged upload has a cause of its own.
    let damaged = of_space.iter().filter(|root| clean.contains_key(**root));
    let kept = of_space.len() - damaged.count();
    let all_of_space = kept_back(&record.space, kept as u64);
    assert_eq!(
        failed.get(&all_of_space),
        Some(&reasons::MISSING_DELEGATION),
        "{failed:?}"
    );
    assert!(db.delete(Table::Revocation, revoked).await.unwrap());
    recheck(&local, &worker, 2).await;
    assert_eq!(worker.failed().await, expected(&local));
    let after = audited(&local, &worker, Depth::Presence, "after").await;
    assert_eq!(after, clean);
    local.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deep_audit_reads_every_byte() {
    let local = Local::start(small()).await;
    let worker = migrated(&local).await;
    let clean = audited(&local, &worker, Depth::Bytes, "clean").await;
    assert_eq!(clean.len(), expected(&local).len());
    let (shard, index) = (
        some(&local, Protocol::Store)[0],
        some(&local, Protocol::Blob)[0],
    );
    corrupt(&local, &shard_of(shard)).await;
    corrupt(&local, &index_of(&worker, index)).await;
    let found = audited(&local, &worker, Depth::Presence, "presence").await;
    let keys = |of: &BTreeMap<String, Audited>| of.keys().cloned().collect::<Vec<_>>();
    let as_before = "both are there, and as long as before";
    assert_eq!(keys(&found), keys(&clean), "{as_before}");
    let found = audited(&local, &worker, Depth::Bytes, "bytes").await;
    assert_eq!(found.len(), clean.len() + 2);
    let told = &found[&shard.root];
    assert_eq!(told.verdict, Verdict::Wrong, "{told:?}");
    assert_eq!(told.failure.as_ref().unwrap().reason, reasons::CORRUPT_CAR);
    let told = &found[&index.root];
    assert_eq!(told.verdict, Verdict::Wrong, "{told:?}");
    assert!(steps(told).contains(&&STORE_INDEX), "{told:?}");
    local.stop().await;
}
