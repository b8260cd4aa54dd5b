//! Where the suite runs.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use aws_sdk_dynamodb::config::{BehaviorVersion, Credentials, Region};
use sterna::migrations::uploads::namespace;
use sterna::model::{FolderId, Holder, InstanceId, Lease, RunId, Unit, UnitId, UnitProgress};
use sterna::proto::{CustomerDid, SpaceDid};
use sterna::runtime::Clock;
use sterna::state::rows::{Memory, Sqlite};
use sterna::state::{Config, Grant, Reopen, Store, TakeKind};
use tempfile::TempDir;

static PLACES: AtomicU64 = AtomicU64::new(0);

/// A prefix for tables that no other test and no other run uses.
fn prefix() -> String {
    let number = PLACES.fetch_add(1, Ordering::Relaxed);
    format!(
        "t{}-{}-{number}-migration-",
        std::process::id(),
        Clock::system().now().0
    )
}

/// A client for a `DynamoDB` endpoint.
pub fn client(endpoint: &str) -> aws_sdk_dynamodb::Client {
    let config = aws_sdk_dynamodb::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("us-west-2"))
        .credentials_provider(Credentials::new("test", "test", None, None, "test"))
        .endpoint_url(endpoint);
    aws_sdk_dynamodb::Client::from_conf(config.build())
}

/// The endpoint given by the environment.
#[expect(
    clippy::disallowed_methods,
    reason = "tests are told their engine by the environment"
)]
pub fn given() -> Option<String> {
    std::env::var("STERNA_TEST_DYNAMODB")
        .ok()
        .filter(|endpoint| !endpoint.is_empty())
}

/// Starts an embedded engine on a free port.
#[cfg(feature = "sandbox")]
#[expect(
    clippy::disallowed_methods,
    reason = "the engine ends with the test's runtime"
)]
pub async fn embedded() -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let database = dynoxide::Database::memory().unwrap();
    tokio::spawn(dynoxide::server::serve_on(listener, database));
    format!("http://{address}")
}

/// The stores that the suite runs on, by their names.
pub struct Stores {
    pub all: Vec<(String, Store)>,
    _folder: TempDir,
}

/// Every store that the suite runs on; tables are made.
pub async fn stores() -> Stores {
    let config = || Config::new(namespace(&prefix()), "unused");
    let mut stores = vec![
        ("memory".to_owned(), Store::in_memory(config())),
        (
            "memory, pages of 2".to_owned(),
            Store::over(Arc::new(Memory::with_pages_of(2)), config()),
        ),
    ];
    let folder = tempfile::tempdir().unwrap();
    let file = Sqlite::open(&folder.path().join("state.sqlite"), Duration::from_secs(5));
    let file = Store::over(Arc::new(file.unwrap()), config());
    stores.push(("one file".to_owned(), file));
    #[cfg(feature = "sandbox")]
    stores.push((
        "embedded".to_owned(),
        Store::new(&client(&embedded().await), config()),
    ));
    if let Some(endpoint) = given() {
        stores.push((endpoint.clone(), Store::new(&client(&endpoint), config())));
    }
    for (name, store) in &stores {
        let made = store
            .create_tables()
            .await
            .unwrap_or_else(|error| panic!("{name}: {error}"));
        assert!(made.iter().all(|made| made.created), "{name}");
    }
    Stores {
        all: stores,
        _folder: folder,
    }
}

/// Runs a test on every store.
pub async fn everywhere<F, Fut>(test: F)
where
    F: Fn(Store) -> Fut,
    Fut: Future<Output = ()>,
{
    let stores = stores().await;
    for (name, store) in &stores.all {
        println!("on {name}");
        test(store.clone()).await;
    }
}

pub fn customer(name: &str) -> CustomerDid {
    format!("did:mailto:example.com:{name}").parse().unwrap()
}

pub fn space(name: &str) -> SpaceDid {
    format!("did:key:z6Mk{name}").parse().unwrap()
}

pub fn unit(owner: &str, name: &str, planned: u64) -> Unit {
    Unit {
        id: UnitId::new(&customer(owner), &space(name)),
        planned: Some(planned),
    }
}

pub fn one() -> InstanceId {
    InstanceId::number(1)
}

pub fn two() -> InstanceId {
    InstanceId::number(2)
}

/// An instance with a state folder of its own.
pub fn holder(instance: InstanceId) -> Holder {
    let folder = FolderId::new(format!("folder-{instance}"));
    Holder::new(instance, folder)
}

pub fn run(name: &str) -> RunId {
    RunId::new(name)
}

/// What an instance and its run are told when they ask for the lease of a unit.
pub async fn ask(
    store: &Store,
    unit: &Unit,
    (who, name): (InstanceId, &str),
    take: &TakeKind,
    reopen: Reopen,
) -> Grant {
    store
        .lease(unit, &holder(who), &run(name), take, reopen)
        .await
        .unwrap()
}

/// Leases a unit that nobody holds.
pub async fn leased(
    store: &Store,
    unit: &Unit,
    who: InstanceId,
    name: &str,
) -> (Lease, UnitProgress) {
    match ask(store, unit, (who, name), &TakeKind::Unheld, Reopen::No).await {
        Grant::Leased { lease, progress } => (lease, progress),
        other => panic!("not leased: {other:?}"),
    }
}
