//! State that the version before namespaces wrote is read as it was meant: `tests/state/earlier` holds rows, checkpoint,
//! journal and customers file of a run over 24 uploads that stopped after nine, its fleet paused.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use sterna::config::CustomersFile;
use sterna::migrations::uploads::{CustomerTables, SpaceStatus, namespace};
use sterna::model::{InstanceId, JournalEntry, JournalLine, Status, UnitProgress};
use sterna::state::files::{Local, read_journal};
use sterna::state::rows::Sqlite;
use sterna::state::{Config, Journal, Scope, Store, checkpoint};

const ALBA: &str = "did:mailto:example.org:alba";

/// A copy of the stored state, as a folder and a file of rows.
fn earlier(dir: &Path) -> Store {
    let stored = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/state/earlier");
    for file in fs::read_dir(stored).unwrap() {
        let path = file.unwrap().path();
        fs::copy(&path, dir.join(path.file_name().unwrap())).unwrap();
    }
    let rows = Sqlite::open(&dir.join("rows.sqlite"), Duration::from_secs(10)).unwrap();
    Store::over(
        Arc::new(rows),
        Config::new(namespace("local-migration-"), dir),
    )
}

#[tokio::test]
async fn rows_of_the_version_before_are_read() {
    let dir = tempfile::tempdir().unwrap();
    let store = earlier(dir.path());
    let identity = store.identity("local").await.unwrap().unwrap();
    assert_eq!(
        identity.id.as_deref(),
        Some("06ee7784-180e-4d9d-b7a0-ecfe9dd8a3f1")
    );
    let rows = store.progress_of(ALBA).await.unwrap();
    let of = |status: Status| {
        let rows = rows.iter().map(|row| &row.progress);
        rows.filter(move |row| row.status == status)
            .collect::<Vec<&UnitProgress>>()
    };
    assert_eq!(rows.len(), 4);
    assert_eq!(of(Status::Completed).len(), 2);
    let going = of(Status::InProgress);
    let counted = going
        .iter()
        .map(|row| (row.counts.done, row.counts.planned));
    assert_eq!(counted.collect::<Vec<_>>(), [(0, 1), (4, 13)]);
    assert!(going[1].cursor.is_some() && going[1].steps.len() == 1);
    assert!(
        rows.iter()
            .all(|row| row.lease.is_none() && row.assigned == Some(InstanceId::number(1)))
    );

    let tables = CustomerTables::of(&store);
    let customer = tables
        .customer(&ALBA.parse().unwrap())
        .await
        .unwrap()
        .unwrap();
    assert_eq!(
        (customer.completed_spaces, customer.completed_uploads),
        (2, 9)
    );
    let space = tables
        .migration_space(&customer.customer)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(space.status, SpaceStatus::Provisioned);
    assert!(space.sealed_key.is_some() && space.delegated && space.ours);

    let plan = store.current_plan().await.unwrap().unwrap();
    assert_eq!((plan.id.short(), plan.shares.len()), ("8dac40ee", 2));
    assert!(store.control_of(&Scope::Fleet).await.unwrap().paused);
    let fleet = store.fleet().await.unwrap();
    assert!(fleet.iter().any(|report| report.counts.done == 9));
    let totals = store.stored_totals().await.unwrap().unwrap();
    assert_eq!(
        totals.totals,
        store.sum_progress(None, |_| {}).await.unwrap().unwrap()
    );
    // Nothing is missing that this version would make.
    assert!(
        store
            .create_tables()
            .await
            .unwrap()
            .iter()
            .all(|made| !made.created)
    );
}

#[tokio::test]
async fn files_of_the_version_before_are_read() {
    let dir = tempfile::tempdir().unwrap();
    let store = earlier(dir.path());
    let (config, one) = (store.config(), InstanceId::number(1));
    let read = checkpoint::load(&(Arc::new(Local) as _), config, &one);
    let checkpoint = read.unwrap().unwrap();
    assert_eq!(
        (checkpoint.migration.as_str(), checkpoint.units.len()),
        ("uploads", 2)
    );
    let lines: Vec<JournalLine> = read_journal(&Journal::path(config, &one)).unwrap();
    let applied = lines.iter().filter(|line| {
        matches!(line, JournalLine::Record(line) if matches!(line.entry, JournalEntry::Applied(_)))
    });
    assert!(matches!(lines[0], JournalLine::Opening(_)) && applied.count() > 9);
    let file = CustomersFile::read(&dir.path().join("instance-1-customers.json")).unwrap();
    assert_eq!((file.instance, file.customers.len()), (Some(1), 1));
    assert!(file.plan.is_some_and(|plan| plan.id.short() == "8dac40ee"));
}
