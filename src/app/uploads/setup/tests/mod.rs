//! Setup on a made-up network with tables in memory.

mod counting;
mod plans;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use futures::stream::{self, BoxStream, StreamExt as _};

use super::*;
use crate::client::{Cause, ClientError, Consumer, ConsumerEntry, Dependency};
use crate::config::CustomersFile;
use crate::migrations::uploads::{CustomerTables, namespace};
use crate::migrations::uploads::{MigrationSpace, SpaceStatus};
use crate::model::{
    Counts, FolderId, Holder, InstanceId, InstanceReport, MigrationName, PlanId, RunId, Settled,
    Status, Unit, UnitId,
};
use crate::proto::did::Did;
use crate::runtime::StopLevel;
use crate::state::{Config, Grant, Reopen, Store, TakeKind};

async fn run<C: Census>(
    parts: &Parts<C>,
    options: &options::Setup,
    stop: &Stop,
) -> Result<SetupReport> {
    let unseen: ProgressSink = std::sync::Arc::new(|_: crate::app::ProgressUpdate<'_>| {});
    super::run(parts, options, (stop, &unseen)).await
}

/// Rows as given; counting fails after `answers` answers, and `hiccup` fails once.
struct Network {
    consumers: Vec<Consumer>,
    odd: Vec<String>,
    uploads: BTreeMap<String, u64>,
    answers: AtomicUsize,
    hiccups: AtomicUsize,
    asked: AtomicUsize,
}

#[async_trait]
impl Census for Network {
    fn consumers(&self, _segments: u16) -> BoxStream<'_, Result<ConsumerEntry, ClientError>> {
        let read = self.consumers.iter().cloned().map(ConsumerEntry::Consumer);
        let odd = self.odd.iter().cloned().map(ConsumerEntry::Unreadable);
        stream::iter(read.chain(odd).map(Ok)).boxed()
    }

    async fn uploads(&self, space: &SpaceDid) -> Result<u64, ClientError> {
        let take = |left: &AtomicUsize| {
            left.try_update(Ordering::Relaxed, Ordering::Relaxed, |left| {
                left.checked_sub(1)
            })
            .is_ok()
        };
        if !take(&self.answers) || take(&self.hiccups) {
            return Err(Cause::Timeout.at(Dependency::DynamoDb, "count the uploads of a space"));
        }
        self.asked.fetch_add(1, Ordering::Relaxed);
        Ok(self.uploads.get(space.as_str()).copied().unwrap_or(0))
    }
}

fn did(text: &str) -> Did {
    Did::parse(text).unwrap()
}

/// Real `did:key`s, as many as wanted.
fn key(number: u8) -> String {
    crate::proto::key::Signer::from_seed([number; 32])
        .did()
        .to_string()
}

fn network() -> Network {
    let mut consumers = Vec::new();
    let mut uploads = BTreeMap::new();
    for number in 0..40 {
        let provider = did("did:web:up.storacha.network");
        let customer = did(&format!("did:mailto:example.com:user{}", number % 9));
        let consumer = Consumer {
            space: did(&key(number)),
            customer: Some(customer),
            provider,
            subscription: "s".to_owned(),
        };
        consumers.push(consumer.clone());
        uploads.insert(key(number), u64::from(number) * u64::from(number) % 97);
        if number % 5 == 0 {
            consumers.push(Consumer {
                provider: did("did:web:web3.storage"),
                ..consumer
            });
        }
    }
    let lonely = Consumer {
        space: did(&key(200)),
        customer: None,
        provider: did("did:web:web3.storage"),
        subscription: "s".to_owned(),
    };
    consumers.push(lonely);
    Network {
        consumers,
        odd: vec!["subscription bafys has no consumer".to_owned()],
        uploads,
        answers: AtomicUsize::new(usize::MAX),
        hiccups: AtomicUsize::new(0),
        asked: AtomicUsize::new(0),
    }
}

fn parts(network: Network, dir: &std::path::Path) -> Parts<Network> {
    Parts {
        census: network,
        store: Store::in_memory(Config::new(namespace("test-migration-"), dir)),
        dir: dir.to_path_buf(),
        providers: vec!["did:web:up.storacha.network".to_owned()],
        uploads_table: "test-upload".to_owned(),
        state: "local test-migration-progress".into(),
        by: "ann@host".to_owned(),
        clock: Clock::system(),
    }
}

fn options(instances: u32) -> options::Setup {
    options::Setup {
        instances,
        parallel_segments: 4,
        workers_per_instance: Some(10),
        min_uploads: 0,
        filter: None,
        skip_file: None,
        split_over_percent: Some(20.0),
        analyze: false,
        while_running: false,
    }
}

/// The files of a folder, as read by the command line.
fn files(dir: &std::path::Path, instances: u32) -> Vec<CustomersFile> {
    (1..=instances)
        .map(|instance| {
            CustomersFile::read(&dir.join(format!("instance-{instance}-customers.json"))).unwrap()
        })
        .collect()
}

/// Rows and customers files, for "nothing was changed".
async fn everything(parts: &Parts<Network>) -> String {
    let progress = parts.store.progress_where(None, None).await.unwrap();
    let customers = CustomerTables::of(&parts.store)
        .customers_of(None)
        .await
        .unwrap();
    let plans = parts.store.plans().await.unwrap();
    let mut texts = vec![format!("{progress:?} {customers:?} {plans:?}")];
    let mut names: Vec<PathBuf> = std::fs::read_dir(&parts.dir)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.to_string_lossy().ends_with("-customers.json"))
        .collect();
    names.sort();
    texts.extend(
        names
            .iter()
            .map(|path| std::fs::read_to_string(path).unwrap()),
    );
    texts.join("\n")
}

#[tokio::test]
async fn every_space_is_in_one_file_and_has_its_row() {
    let folder = tempfile::tempdir().unwrap();
    let parts = parts(network(), folder.path());
    let report = run(&parts, &options(3), &Stop::new()).await.unwrap();
    assert_eq!((report.customers, report.spaces), (9, 40));
    assert_eq!(report.uploads, parts.census.uploads.values().sum::<u64>());
    for told in [&key(200), "1 consumer row makes no sense", "bafys"] {
        assert!(
            report.notes.iter().any(|note| note.contains(told)),
            "{told}: {:?}",
            report.notes
        );
    }
    let mut spaces = Vec::new();
    for (number, file) in (1..).zip(files(folder.path(), 3)) {
        assert_eq!(file.instance, Some(number));
        for share in file.customers {
            let rows = parts
                .store
                .progress_of(share.customer.as_str())
                .await
                .unwrap();
            let here =
                |row: &&crate::state::ProgressRow| row.instance == Some(InstanceId::number(number));
            let named: Vec<String> = rows
                .iter()
                .filter(here)
                .map(|row| row.progress.unit.name.to_string())
                .collect();
            if let Some(part) = &share.spaces {
                let part: Vec<String> = part.iter().map(ToString::to_string).collect();
                assert_eq!(
                    part.iter().collect::<std::collections::BTreeSet<_>>(),
                    named.iter().collect()
                );
            } else {
                assert_eq!(named.len(), rows.len());
            }
            spaces.extend(named);
        }
    }
    spaces.sort();
    let mut wanted: Vec<String> = parts.census.uploads.keys().cloned().collect();
    wanted.sort();
    assert_eq!(spaces, wanted);
    let fleet = parts.store.fleet().await.unwrap();
    assert_eq!(
        fleet
            .iter()
            .map(|report| report.counts.planned)
            .sum::<u64>(),
        report.uploads
    );
}

#[tokio::test]
async fn setup_on_a_live_run_changes_no_status_and_no_counter() {
    let folder = tempfile::tempdir().unwrap();
    let parts = parts(network(), folder.path());
    run(&parts, &options(3), &Stop::new()).await.unwrap();
    let customer: CustomerDid = "did:mailto:example.com:user1".parse().unwrap();
    let unit = Unit::new(UnitId::new(&customer, key(1)));
    let one = Holder::new(InstanceId::number(1), FolderId::new("here"));
    let id = RunId::new("r");
    let Grant::Leased {
        mut lease,
        mut progress,
    } = parts
        .store
        .lease(&unit, &one, &id, &TakeKind::Unheld, Reopen::No)
        .await
        .unwrap()
    else {
        panic!("not leased")
    };
    progress.status = Status::InProgress;
    progress.count(Settled::Migrated, None);
    parts.store.save(&mut lease, &progress).await.unwrap();
    let customers = CustomerTables::of(&parts.store);
    customers.refresh(&unit.id.owner).await.unwrap();
    let row = customers.customer(&customer).await.unwrap();
    let report = run(&parts, &options(2), &Stop::new()).await.unwrap();
    assert!(
        report
            .notes
            .iter()
            .any(|note| note.contains("1 customer is in-progress")),
        "{:?}",
        report.notes
    );
    assert!(
        report
            .notes
            .iter()
            .any(|note| note.contains("instance-3-customers.json")),
        "{:?}",
        report.notes
    );
    assert!(!folder.path().join("instance-3-customers.json").exists());
    let mut after = customers.customer(&customer).await.unwrap().unwrap();
    let mut before = row.unwrap();
    let (plan, _) = after.plan.take().unwrap();
    assert_eq!(plan.as_str(), report.plan.id);
    assert_ne!(before.plan.take().unwrap().0, plan);
    assert_eq!(after, before);
    assert_eq!(
        parts.store.progress(&unit.id).await.unwrap(),
        Some(progress)
    );
}

#[tokio::test]
async fn analyze_writes_nothing_and_what_is_left_out_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let parts = parts(network(), folder.path());
    let made = MigrationSpace {
        customer: "did:mailto:example.com:user1".parse().unwrap(),
        space: key(1).parse().unwrap(),
        name: String::new(),
        sealed_key: None,
        status: SpaceStatus::Active,
        delegated: false,
        ours: true,
    };
    CustomerTables::of(&parts.store)
        .create_migration_space(&made)
        .await
        .unwrap();
    let skip = folder.path().join("skip.txt");
    std::fs::write(
        &skip,
        "user2@example.com\ndid:mailto:example.com:user3 # later\nnobody@example.com\n",
    )
    .unwrap();
    let asked = options::Setup {
        analyze: true,
        min_uploads: 100,
        skip_file: Some(skip),
        ..options(2)
    };
    let report = run(&parts, &asked, &Stop::new()).await.unwrap();
    assert!(report.analyzed_only && report.instances.iter().all(|share| share.file.is_none()));
    assert!(
        CustomerTables::of(&parts.store)
            .customers_of(None)
            .await
            .unwrap()
            .is_empty()
    );
    assert!(!folder.path().join("instance-1-customers.json").exists());
    let said = report.notes.join("\n");
    for part in [
        "left out by the skip file",
        "fewer uploads",
        "migration space",
        "1 name of the skip file fits no customer: example.com:nobody",
    ] {
        assert!(said.contains(part), "{part}: {said}");
    }
}

#[tokio::test]
async fn files_of_another_environment_are_refused_and_not_written_over() {
    let folder = tempfile::tempdir().unwrap();
    let mut parts = parts(network(), folder.path());
    run(&parts, &options(2), &Stop::new()).await.unwrap();
    let before = everything(&parts).await;
    let asked = parts.census.asked.load(Ordering::Relaxed);
    parts.state = "staging other-progress".into();
    let refused = run(&parts, &options(2), &Stop::new()).await.unwrap_err();
    let refused = refused.downcast_ref::<CommandError>().unwrap();
    assert_eq!(refused.kind, crate::app::Kind::Mismatch);
    for told in ["local test-migration-progress", "staging other-progress"] {
        assert!(refused.cause.contains(told), "{}", refused.cause);
    }
    assert_eq!(parts.census.asked.load(Ordering::Relaxed), asked);
    assert_eq!(everything(&parts).await, before);
}
