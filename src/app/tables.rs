//! Commands on the migration's own tables: make them, fill them, look at them.

use anyhow::Result;
use serde_json::Value;

use super::setup::{Parts, run as run_setup};
use super::uploads::host;
use super::{InitReport, InitTable, SetupReport, Stop, Trouble};
use crate::client::{AwsClients, connect_tables};
use crate::config::{Settings, options, user};
use crate::model::InstanceId;
use crate::monitor::{self, Ask, View};
use crate::runtime::Clock;
use crate::state::{FailedQuery, Store};

/// A space without progress for so long is stuck.
const STUCK_AFTER_SECONDS: u64 = 600;

/// The migration tables of these settings, whatever they hold.
async fn connect(settings: &Settings) -> Store {
    let client = AwsClients::dynamodb_only(&settings.aws, &settings.limits).await;
    Store::new(&client, settings.state.clone())
}

/// The migration tables of these settings. Tables whose rows are of another version or environment are refused.
pub(super) async fn open(settings: &Settings) -> Result<Store> {
    let store = connect(settings).await;
    let checked = store.check_format(settings.environment.as_str()).await;
    checked.map_err(|error| Trouble::of_state(&error))?;
    Ok(store)
}

/// What plans, customers files and checkpoints belong to.
pub(super) fn state_of(settings: &Settings) -> String {
    let table = &settings.state.tables.progress;
    format!("{} {table}", settings.environment)
}

/// Creates the migration tables that are not there and waits until they are active; a dry run only says which.
pub async fn init(settings: &Settings) -> Result<InitReport> {
    let dry_run = settings.dry_run;
    let store = connect(settings).await;
    match store.check_format(settings.environment.as_str()).await {
        Err(error) if !error.is_missing_table() => return Err(Trouble::of_state(&error).into()),
        _ => {}
    }
    let made = if dry_run {
        store.look_at_tables().await
    } else {
        store.create_tables().await
    };
    let made = made.map_err(|error| Trouble::of_state(&error))?;
    if dry_run {
        return Ok(init_report(made, true));
    }
    let marked = store.mark_format(settings.environment.as_str()).await;
    marked.map_err(|error| Trouble::of_state(&error))?;
    Ok(init_report(made, false))
}

fn init_report(made: Vec<crate::state::define::Made>, dry_run: bool) -> InitReport {
    let table = |made: crate::state::define::Made| InitTable {
        table: made.table,
        created: made.created,
    };
    InitReport {
        dry_run,
        tables: made.into_iter().map(table).collect(),
    }
}

/// The tables as a `CloudFormation` template, and the IAM policy of a run.
pub fn init_template(settings: &Settings) -> Result<Value> {
    Ok(Store::template(&settings.state.tables))
}

/// Who asks, as `user@host`.
pub(super) fn who() -> String {
    format!("{}@{}", user().as_deref().unwrap_or("?"), host())
}

/// Counts uploads and distributes customers over instances.
pub async fn setup(
    settings: &Settings,
    options: options::Setup,
    stop: Stop,
) -> Result<SetupReport> {
    let network = settings.network();
    // The upload service is the provider of today: of several customers of a space, its row's counts.
    let first = std::iter::once(&network.upload_service.did);
    let parts = Parts {
        census: connect_tables(&settings.aws, network, &settings.limits).await,
        store: open(settings).await?,
        dir: settings.state_dir.clone(),
        providers: first
            .chain(&network.storage_providers)
            .map(ToString::to_string)
            .collect(),
        fingerprint: format!("{} {}", settings.environment, network.tables.upload),
        environment: settings.environment.to_string(),
        state: state_of(settings),
        by: who(),
        clock: Clock::system(),
    };
    run_setup(&parts, &options, &stop).await
}

/// One look at the fleet; `monitor --watch` calls it again and again.
pub async fn monitor(settings: &Settings, options: &options::Monitor) -> Result<View> {
    let store = open(settings).await?;
    let view = monitor::look(&store, Clock::system(), &ask(options)).await;
    Ok(view.map_err(|error| Trouble::of_state(&error))?)
}

fn ask(options: &options::Monitor) -> Ask {
    let instance = options.instance.map(InstanceId::number);
    if options.failed {
        return Ask::Failed(FailedQuery {
            owner: options.customer.as_ref().map(ToString::to_string),
            name: options.space.as_ref().map(ToString::to_string),
            instance,
            ..FailedQuery::default()
        });
    }
    if options.stuck {
        return Ask::Stuck {
            idle_seconds: STUCK_AFTER_SECONDS,
            instance,
            customer: options.customer.clone(),
        };
    }
    match (&options.space, &options.customer, instance) {
        (Some(space), ..) => Ask::Space(space.clone()),
        (_, Some(customer), _) => Ask::Customer(customer.clone()),
        (_, _, Some(instance)) => Ask::Instance(instance),
        _ => Ask::Overview,
    }
}
