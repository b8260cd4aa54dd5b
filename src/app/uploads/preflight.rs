//! Looks for everything a command relies on before the command does anything, and reports all that is missing at once.

use anyhow::Result;

use crate::app::{CommandError, Kind};
use crate::client::{Absent, Cause, Thing, absent};
use crate::config::Settings;
use crate::migrations::uploads::{CUSTOMERS, SPACES};
use crate::state::Backend;

/// What a command relies on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reliance {
    /// The tables that customers and uploads are counted in.
    Counting,
    /// The same, and the tables of the migration.
    Distributing,
    /// What an audit reads.
    Auditing,
    /// Everything.
    Migrating,
}

/// A thing, and the variable that names it.
type Named = (&'static str, Thing);

/// Fails when anything is missing or does not answer; all of it is in the error.
///
/// # Errors
/// [`CommandError`] of the gravest kind found: credentials refused, something missing, no answer.
pub async fn preflight(settings: &Settings, reliance: Reliance) -> Result<()> {
    let named = things(settings, reliance);
    let wanted = named.iter().map(|(_, thing)| thing.clone()).collect();
    let queues = &settings.network().queues;
    let found = absent(&settings.aws, queues, &settings.limits, wanted).await?;
    if found.is_empty() {
        return Ok(());
    }
    Err(unusable(settings, &named, &found).into())
}

fn things(settings: &Settings, reliance: Reliance) -> Vec<Named> {
    let tables = &settings.network().tables;
    let mut things = vec![
        keyed(
            "CONSUMER_TABLE_NAME",
            &tables.consumer,
            &["subscription", "provider"],
        ),
        keyed("UPLOAD_TABLE_NAME", &tables.upload, &["space", "root"]),
    ];
    if reliance != Reliance::Counting {
        things.extend(state_tables(settings));
    }
    if matches!(reliance, Reliance::Auditing | Reliance::Migrating) {
        things.extend(network_reads(settings));
    }
    if reliance == Reliance::Migrating {
        things.extend(network_writes(settings));
    }
    things
}

fn table(variable: &'static str, name: &str) -> Named {
    keyed(variable, name, &[])
}

/// A table of the network with its keys (docs/protocol/tables.md §2).
fn keyed(variable: &'static str, name: &str, keys: &'static [&'static str]) -> Named {
    (variable, Thing::Table(name.into(), keys))
}

/// The migration's own tables, where they are such: opening a file asks for those in it.
fn state_tables(settings: &Settings) -> Vec<Named> {
    if settings.state.backend != Backend::DynamoDb {
        return Vec::new();
    }
    let namespace = &settings.state.namespace;
    let tables = &namespace.tables;
    let own = |what| namespace.own_table(what).unwrap_or_default();
    vec![
        table("MIGRATION_CUSTOMERS_TABLE_NAME", own(CUSTOMERS)),
        table("MIGRATION_PROGRESS_TABLE_NAME", &tables.progress),
        table("MIGRATION_PARTS_TABLE_NAME", &tables.parts),
        table("MIGRATION_SPACES_TABLE_NAME", own(SPACES)),
        table("MIGRATION_FAILURES_TABLE_NAME", &tables.failures),
        table("MIGRATION_FLEET_TABLE_NAME", &tables.fleet),
        table("MIGRATION_CONTROL_TABLE_NAME", &tables.control),
    ]
}

fn network_reads(settings: &Settings) -> Vec<Named> {
    let network = settings.network();
    let tables = &network.tables;
    let service = |variable, url: &url::Url| (variable, Thing::Service(url.clone()));
    let mut things = vec![
        keyed(
            "ALLOCATIONS_TABLE_NAME",
            &tables.allocation,
            &["space", "multihash"],
        ),
        keyed("STORE_TABLE_NAME", &tables.store, &["space", "link"]),
        keyed(
            "BLOB_REGISTRY_TABLE_NAME",
            &tables.blob_registry,
            &["space", "digest"],
        ),
        service("INDEXING_SERVICE_URL", &network.indexing_service.url),
        service("BLOB_CARPARK_PUBLIC_URL", &network.carpark.blob_url),
        service("STORE_CARPARK_PUBLIC_URL", &network.carpark.store_url),
    ];
    let named: Vec<Thing> = things.iter().map(|(_, thing)| thing.clone()).collect();
    let carparks = network.carpark.all.iter();
    let others = carparks.map(|url| service("CARPARK_PUBLIC_URLS", url));
    things.extend(others.filter(|(_, thing)| !named.contains(thing)));
    things
}

fn network_writes(settings: &Settings) -> Vec<Named> {
    let network = settings.network();
    let buckets = &network.buckets;
    let service = |variable, url: &url::Url| (variable, Thing::Service(url.clone()));
    let bucket = |variable, name: &str| (variable, Thing::Bucket(name.into()));
    let queue = |variable, url: &url::Url| (variable, Thing::Queue(url.clone()));
    let mut things = vec![
        keyed(
            "SUBSCRIPTION_TABLE_NAME",
            &network.tables.subscription,
            &["subscription", "provider"],
        ),
        keyed(
            "DELEGATION_TABLE_NAME",
            &network.tables.delegation,
            &["link"],
        ),
        service("UPLOAD_SERVICE_URL", &network.upload_service.url),
        service("GATEWAY_SERVICE_URL", &network.gateway.url),
        bucket("CLAIMS_BUCKET", &buckets.claims),
        bucket("IPNI_BLOB_PUBLISHING_BUCKET", &buckets.ipni_blob),
        bucket("IPNI_STORE_PUBLISHING_BUCKET", &buckets.ipni_store),
        queue("IPNI_BLOB_PUBLISHING_QUEUE", &network.queues.ipni_blob),
        queue("IPNI_STORE_PUBLISHING_QUEUE", &network.queues.ipni_store),
    ];
    // Delegations are written to R2 where there is one, else to S3.
    things.push(match &settings.aws.r2 {
        Some(r2) => (
            "R2_DELEGATION_BUCKET_NAME",
            Thing::R2Bucket(r2.delegation_bucket.clone()),
        ),
        None => bucket("DELEGATION_BUCKET_NAME", &buckets.delegations),
    });
    things
}

fn unusable(settings: &Settings, named: &[Named], found: &[Absent]) -> CommandError {
    let mut lines = vec![match found.len() {
        1 => "preflight found 1 problem; nothing was done".to_owned(),
        n => format!("preflight found {n} problems; nothing was done"),
    }];
    // One line per cause: a service that is down takes many things with it.
    let mut causes: Vec<String> = Vec::new();
    for absent in found {
        let cause = absent.cause.to_string();
        if !causes.contains(&cause) {
            causes.push(cause);
        }
    }
    for cause in causes {
        lines.push(format!("  {cause}:"));
        let alike = found
            .iter()
            .filter(|absent| absent.cause.to_string() == cause);
        lines.extend(alike.map(|absent| format!("    {}", words(&absent.thing, named))));
    }
    let kind = found
        .iter()
        .map(|absent| kind(&absent.cause))
        .max_by_key(|kind| gravity(*kind));
    let (cause, next) = advice(settings, found, kind.unwrap_or(Kind::Unexpected));
    let kind = kind.unwrap_or(Kind::Unexpected);
    CommandError::new(kind, lines.join("\n"), cause, next)
}

fn words(thing: &Thing, named: &[Named]) -> String {
    let variable = named.iter().find(|(_, other)| other == thing);
    let variable = variable.map_or("", |(variable, _)| variable);
    let name = match thing {
        Thing::Table(name, _) => format!("table {name}"),
        Thing::Bucket(name) => format!("bucket {name}"),
        Thing::R2Bucket(name) => format!("R2 bucket {name}"),
        Thing::Queue(url) => format!("queue {url}"),
        Thing::Service(url) => format!("service {url}"),
    };
    format!("{name} ({variable})")
}

fn kind(cause: &Cause) -> Kind {
    match cause {
        Cause::Credentials(_) => Kind::Credentials,
        cause if cause.is_transient() => Kind::Temporary,
        _ => Kind::Preflight,
    }
}

/// What must be fixed first.
fn gravity(kind: Kind) -> u8 {
    match kind {
        Kind::Credentials => 2,
        Kind::Preflight => 1,
        _ => 0,
    }
}

fn advice(settings: &Settings, found: &[Absent], kind: Kind) -> (&'static str, String) {
    let look = "check the names with `sterna config show --origin`, then run it again";
    match kind {
        Kind::Credentials => (
            "AWS credentials are absent, expired, or lack a permission",
            "check the AWS profile, role and region; `sterna init --print` shows the required policy".into(),
        ),
        Kind::Temporary => (
            "it is down, the network path to it is broken, or its address is wrong",
            look.into(),
        ),
        _ => {
            let own = settings.state.namespace.all_tables();
            let is_own = |absent: &Absent| matches!(&absent.thing, Thing::Table(name, _) if own.contains(&name.as_str()));
            if found.iter().any(is_own) {
                ("the migration tables do not exist yet, or have another name", format!("run `sterna init`; {look}"))
            } else {
                ("it does not exist, or has another name or region", look.into())
            }
        }
    }
}
