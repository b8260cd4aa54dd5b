//! The rollback of the migration, by what it leaves in the network.

use std::collections::{BTreeMap, BTreeSet};

use cid::Cid;
use sterna::engine::{self, Ended, Job, RolledBack, StepFilter, UndoPlan, Within};
use sterna::migrations::uploads::Settings;
use sterna::model::{
    InstanceId, JournalEntry, JournalLine, JournalRecord, Reason, Status, Unit, UnitId,
};
use sterna::proto::multihash::Multihash;
use sterna::sandbox::world::manifest::Record;
use sterna::sandbox::world::plan::Expected;
use sterna::sandbox::{Listing, Row, Service, Table, bucket};
use sterna::state::Journal;
use sterna::state::files::{Rotation, read_journal};

use crate::fixture::{Local, small};
use crate::worker::{Worker, config, units, unkept_rows};

/// Everything in the tables and buckets of a network.
#[derive(Debug, PartialEq)]
struct Snapshot {
    rows: BTreeMap<(Table, String), Row>,
    /// Buckets and keys, with the entity tag of each object.
    objects: BTreeMap<(String, String), String>,
}

impl Snapshot {
    async fn of(local: &Local) -> Self {
        let network = local.sandbox.network();
        let mut rows = BTreeMap::new();
        for table in Table::ALL {
            let (partition, sort) = table.key();
            for row in network.db.scan(table).await.unwrap() {
                let part = |name| row.get_text(name).unwrap_or_default().to_owned();
                let key = format!("{} {}", part(partition), sort.map(part).unwrap_or_default());
                rows.insert((table, key), row);
            }
        }
        let mut objects = BTreeMap::new();
        for bucket in bucket::ALL {
            let listing = Listing {
                limit: 100_000,
                ..Listing::default()
            };
            let page = network.objects.list(bucket, &listing).unwrap();
            assert!(page.next.is_none());
            for meta in page.objects {
                objects.insert((bucket.to_owned(), meta.key.clone()), meta.etag.clone());
            }
        }
        Self { rows, objects }
    }

    /// What came since, by table and bucket. Nothing may be gone or changed.
    fn came_since(&self, before: &Self) -> (BTreeMap<Table, u64>, BTreeMap<String, Vec<String>>) {
        let (mut tables, mut buckets) = (BTreeMap::new(), BTreeMap::<_, Vec<_>>::new());
        for (key, row) in &before.rows {
            assert_eq!(self.rows.get(key), Some(row), "{key:?}");
        }
        for (key, tag) in &before.objects {
            assert_eq!(self.objects.get(key), Some(tag), "{key:?}");
        }
        for (table, _) in self
            .rows
            .keys()
            .filter(|key| !before.rows.contains_key(*key))
        {
            *tables.entry(*table).or_default() += 1;
        }
        for (bucket, key) in self.objects.keys() {
            if !before.objects.contains_key(&(bucket.clone(), key.clone())) {
                buckets.entry(bucket.clone()).or_default().push(key.clone());
            }
        }
        (tables, buckets)
    }
}

impl Worker {
    /// What a rollback would do.
    async fn survey(&self, within: &Within) -> UndoPlan {
        engine::plan_undo(&self.parts(), within).await.unwrap()
    }

    /// Rolls back what is asked for.
    async fn roll_back(&self, within: &Within, name: &str) -> RolledBack {
        let found = self.survey(within).await;
        let config = config(name);
        engine::rollback(self.parts(), config, found).await.unwrap()
    }
}

fn customers(local: &Local) -> BTreeSet<String> {
    let all = local.world.uploads.iter();
    all.map(|record| record.customer.clone()).collect()
}

fn everything(local: &Local) -> Within {
    let whole = |customer| (Some(customer), None);
    Within {
        units: customers(local).into_iter().map(whole).collect(),
        ..Within::default()
    }
}

#[tokio::test(flavor = "multi_thread")]
#[expect(clippy::too_many_lines, reason = "one life of a network")]
async fn rolled_back_the_network_is_as_before_but_for_what_was_listed() {
    let local = Local::start(small()).await;
    let spaces = unkept_rows();
    let before = Snapshot::of(&local).await;
    let worker = Worker::new(&local, spaces.clone(), Settings::default()).await;
    let job = || Job::Units(units(&local));
    let first = worker.run(job(), StepFilter::All, "first").await;
    let failed = worker.failed().await;

    let survey = worker.survey(&everything(&local)).await;
    assert!(survey.unaccounted.is_empty());
    let kinds: Vec<(&str, bool)> = survey
        .listed
        .iter()
        .map(|listed| (listed.kind.as_str(), listed.undone))
        .collect();
    let stay = [
        ("claim-published", false),
        ("gateway-auth", false),
        ("index-registered", false),
        ("migration-space-created", false),
    ];
    let gone = [
        ("index-stored", true),
        ("space-delegated", true),
        ("space-provisioned", true),
    ];
    assert_eq!(
        kinds,
        [stay.as_slice(), gone.as_slice()].concat(),
        "what stays comes first"
    );
    let said: BTreeMap<&str, u64> = survey
        .listed
        .iter()
        .map(|listed| (listed.kind.as_str(), listed.effects))
        .collect();
    assert!(survey.listed.iter().all(|listed| !listed.leaves.is_empty()));

    let outcome = worker.roll_back(&everything(&local), "back").await;
    assert_eq!(
        (&outcome.ended, outcome.failed),
        (&Ended::Finished, 0),
        "{outcome:?}"
    );
    for (kind, _) in gone {
        assert_eq!(outcome.undone[kind], said[kind], "{kind}");
    }
    let after = Snapshot::of(&local).await;
    let (tables, buckets) = after.came_since(&before);
    // Revocations and the two entries on the bill of each index; the log of what was asked.
    let stored = said["index-stored"];
    assert_eq!(
        tables.get(&Table::Revocation),
        Some(&said["space-delegated"])
    );
    assert_eq!(tables.get(&Table::SpaceDiff), Some(&(2 * stored)));
    let allowed = [Table::Revocation, Table::SpaceDiff, Table::AgentIndex];
    assert!(
        tables.keys().all(|table| allowed.contains(table)),
        "{tables:?}"
    );
    // Bytes at the storage node: those of the indexes and no others.
    assert_eq!(buckets[bucket::CARPARK].len() as u64, stored);
    let allowed = [
        bucket::CARPARK,
        bucket::CLAIMS,
        bucket::MESSAGES,
        bucket::IPNI_BLOB,
        bucket::IPNI_STORE,
        bucket::INDEXER_CLAIMS,
    ];
    assert!(
        buckets
            .keys()
            .all(|bucket| allowed.contains(&bucket.as_str())),
        "{buckets:?}"
    );
    for unit in units(&local) {
        let row = worker.store.progress(&unit.id).await.unwrap().unwrap();
        assert!(
            row.counts.settled() == 0 || row.status != Status::Pending,
            "{row:?}"
        );
    }

    // Twice is once.
    let again = worker.roll_back(&everything(&local), "again").await;
    assert_eq!((again.undone.len(), again.gone, again.failed), (0, 0, 0));
    let (mut seen, later) = (after, Snapshot::of(&local).await);
    let log = |key: &(Table, String)| key.0 == Table::AgentIndex;
    seen.rows.retain(|key, _| !log(key));
    assert_eq!(
        later.rows.iter().filter(|(key, _)| !log(key)).count(),
        seen.rows.len()
    );

    // A process that knows nothing of all this migrates again.
    let worker = Worker::new(&local, spaces, Settings::default()).await;
    let second = worker.run(job(), StepFilter::All, "second").await;
    assert_eq!(worker.failed().await, failed);
    assert_eq!(second.counts.done, first.counts.done);
    let renewed = Snapshot::of(&local).await;
    for table in [Table::Allocation, Table::BlobRegistry] {
        let count = |at: &Snapshot| at.rows.keys().filter(|key| key.0 == table).count() as u64;
        assert_eq!(count(&renewed), count(&before) + stored, "{table:?}");
    }
    let third = worker.run(job(), StepFilter::All, "third").await;
    assert_eq!(third.counts.done, first.counts.done);
    local.stop().await;
}

/// Puts the same upload into another space.
async fn same_upload_in(local: &Local, record: &Record, other: &str) {
    let network = local.sandbox.network();
    let key = Row::new()
        .text("space", record.space.clone())
        .text("root", record.root.clone());
    let row = network.db.get(Table::Upload, key).await.unwrap().unwrap();
    let row = row.text("space", other);
    network.db.put(Table::Upload, row).await.unwrap();
    for shard in &record.shards {
        let hash = Multihash::of(&Cid::try_from(shard.as_str()).unwrap());
        for (table, sort, value) in [
            (Table::Allocation, "multihash", hash.base58()),
            (Table::BlobRegistry, "digest", hash.base58()),
            (Table::Store, "link", shard.clone()),
        ] {
            let key = Row::new()
                .text("space", record.space.clone())
                .text(sort, value);
            if let Some(row) = network.db.get(table, key).await.unwrap() {
                network
                    .db
                    .put(table, row.text("space", other))
                    .await
                    .unwrap();
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
#[expect(clippy::too_many_lines, reason = "one life of an index")]
async fn an_index_that_two_uploads_share_goes_with_the_last_of_them() {
    let local = Local::start(small()).await;
    let of = |customer: &str| -> BTreeSet<&str> {
        let all = local.world.uploads.iter();
        all.filter(|record| record.customer == customer)
            .map(|record| record.space.as_str())
            .collect()
    };
    let customer = customers(&local)
        .into_iter()
        .find(|customer| of(customer).len() > 1)
        .unwrap();
    let record = local
        .world
        .uploads
        .iter()
        .find(|record| record.customer == customer && record.expected == Expected::Migrated);
    let record = record.unwrap();
    let other = *of(&customer)
        .iter()
        .find(|space| **space != record.space)
        .unwrap();
    same_upload_in(&local, record, other).await;
    let unit = |space: &str| Unit::new(UnitId::new(customer.as_str(), space));
    let item = sterna::model::ItemId::new(record.root.as_str());
    let items = [record.space.as_str(), other]
        .map(|space| (unit(space).id, item.clone()))
        .to_vec();
    let worker = Worker::new(&local, unkept_rows(), Settings::default()).await;
    // One after the other, so that the second finds what the first stored; then both at once.
    for pair in items.chunks(1) {
        worker
            .run(Job::Items(pair.to_vec()), StepFilter::All, "one")
            .await;
    }
    let before = local.count(Service::Upload, "space/blob/remove");
    let within = |space: &str| Within {
        units: vec![(None, Some(space.to_owned()))],
        ..Within::default()
    };
    let stored = |survey: &UndoPlan| survey.to_undo();
    let (one, two) = (
        worker.survey(&within(&record.space)).await,
        worker.survey(&within(other)).await,
    );
    // Whoever found it has nothing to undo; whoever made it does.
    assert_eq!(stored(&one) + stored(&two), 1);
    // Another process made it too, at the same time.
    let journal = Journal::at(
        Journal::path(worker.store.config(), &InstanceId::number(2)),
        Rotation::default(),
    )
    .unwrap();
    let lines: Vec<JournalLine> = read_journal(&Journal::path(
        worker.store.config(),
        &InstanceId::number(1),
    ))
    .unwrap();
    let made = lines.into_iter().find_map(|line| match line {
        JournalLine::Record(record) => {
            let stored =
                matches!(&record.entry, JournalEntry::Applied(one) if one.kind == "index-stored");
            stored.then_some(*record)
        }
        JournalLine::Opening(_) => None,
    });
    let made = made.unwrap();
    let theirs = items.iter().find(|(unit, _)| *unit != made.unit).unwrap();
    let copy = JournalRecord {
        unit: theirs.0.clone(),
        ..made.clone()
    };
    journal.append(&copy).await.unwrap();
    let outcome = worker.roll_back(&within(&made.unit.name), "back").await;
    assert_eq!((outcome.kept, outcome.failed), (1, 0), "{outcome:?}");
    assert_eq!(local.count(Service::Upload, "space/blob/remove"), before);
    let outcome = worker.roll_back(&within(&theirs.0.name), "last").await;
    assert_eq!(outcome.undone.get("index-stored"), Some(&1), "{outcome:?}");
    assert_eq!(
        local.count(Service::Upload, "space/blob/remove"),
        before + 1
    );
    // Both need it again.
    for space in [record.space.as_str(), other] {
        assert_eq!(stored(&worker.survey(&within(space)).await), 0);
    }
    worker.run(Job::Items(items), StepFilter::All, "both").await;
    let all = Within {
        units: vec![(Some(customer.clone()), None)],
        ..Within::default()
    };
    let survey = worker.survey(&all).await;
    assert!(stored(&survey) >= 1);
    let outcome = worker.roll_back(&all, "all").await;
    assert_eq!((outcome.ended, outcome.failed), (Ended::Finished, 0));
    assert_eq!(
        local.count(Service::Upload, "space/blob/remove"),
        before + 2
    );
    local.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_space_with_blobs_keeps_its_delegation_whatever_the_journals_say() {
    let local = Local::start(small()).await;
    let record = local
        .world
        .uploads
        .iter()
        .find(|record| record.expected == Expected::Migrated)
        .unwrap();
    let unit = UnitId::new(record.customer.as_str(), record.space.as_str());
    let item = sterna::model::ItemId::new(record.root.as_str());
    let worker = Worker::new(&local, unkept_rows(), Settings::default()).await;
    let before = Snapshot::of(&local).await;
    let one = Job::Items(vec![(unit, item)]);
    worker.run(one, StepFilter::All, "one").await;
    let made = Snapshot::of(&local).await;
    // Somebody else stored a blob in the migration space, of which no journal tells.
    let is_new =
        |key: &(Table, String)| key.0 == Table::Allocation && !before.rows.contains_key(key);
    let (_, stored) = made.rows.iter().find(|(key, _)| is_new(key)).unwrap();
    let other = Multihash::of(&Cid::try_from(record.root.as_str()).unwrap());
    let blob = stored.clone().text("multihash", other.base58());
    let network = local.sandbox.network();
    network.db.put(Table::Allocation, blob).await.unwrap();
    let within = Within {
        units: vec![(Some(record.customer.clone()), None)],
        ..Within::default()
    };
    let outcome = worker.roll_back(&within, "back").await;
    assert_eq!(outcome.undone.get("index-stored"), Some(&1), "{outcome:?}");
    assert_eq!(outcome.undone.len(), 1, "{outcome:?}");
    assert_eq!(outcome.first[0].failure.reason, Reason::STILL_NEEDED);
    let after = Snapshot::of(&local).await;
    let revoked = after.rows.keys().any(|key| key.0 == Table::Revocation);
    assert!(!revoked, "the account keeps its space");
    // Without the journal of a single upload nothing of the customer as a whole is even tried.
    let journal = Journal::path(worker.store.config(), &InstanceId::number(1));
    std::fs::remove_file(journal).unwrap();
    let found = worker.survey(&within).await;
    assert!(!found.is_whole() && found.to_undo() == 0, "{found:?}");
    local.stop().await;
}
