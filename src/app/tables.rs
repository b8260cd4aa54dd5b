//! Commands on the migration's own tables: make them, fill them, look at them.

use std::time::Duration;

use anyhow::Result;
use serde_json::Value;

use super::setup::{Parts, run as run_setup};
use super::uploads::host;
use super::{Face, InitReport, InitTable, Kind, SetupReport, Stop, Trouble};
use crate::client::{AwsClients, connect_tables};
use crate::config::{Settings, options, user};
use crate::model::{InstanceId, StateIdentity};
use crate::monitor::{self, Ask, View};
use crate::runtime::Clock;
use crate::state::{Backend, FailedQuery, Store};

/// A space without progress for so long is stuck.
const STUCK_AFTER_SECONDS: u64 = 600;

/// The migration tables of these settings, whatever they hold.
async fn connect(settings: &Settings) -> Result<Store> {
    let config = settings.state.clone();
    let Backend::Sqlite(file) = &settings.state.backend else {
        let client = AwsClients::dynamodb_only(&settings.aws, &settings.limits).await;
        return Ok(Store::new(&client, config));
    };
    let opened = Store::in_file(file, config);
    Ok(opened.map_err(|error| Trouble::of_state_file(file, &error))?)
}

/// The migration tables of these settings. Tables whose rows are of another version or environment are refused.
pub(super) async fn open(settings: &Settings) -> Result<Store> {
    let store = connect(settings).await?;
    let checked = store.check_format(settings.environment.as_str()).await;
    checked.map_err(|error| Trouble::of_state(&error))?;
    Ok(store)
}

/// Which tables these are; tables without an id are refused.
///
/// # Errors
/// [`Kind::Preflight`] if `init` gave them no id.
pub(super) async fn identity(settings: &Settings, store: &Store) -> Result<StateIdentity> {
    let identity = store.identity(settings.environment.as_str()).await;
    let identity = identity.map_err(|error| Trouble::of_state(&error))?;
    Ok(identity.ok_or_else(|| without_id(settings))?)
}

/// What is said of tables without an id.
pub(super) fn without_id(settings: &Settings) -> Trouble {
    Trouble::new(
        Kind::Preflight,
        format!(
            "work on the tables of {}: they have no id",
            settings.state.tables.progress
        ),
        "they were made by CloudFormation, by the existing tool or by an earlier version, and `sterna init` has not run since",
        "run `sterna init`: it gives them an id and changes nothing else; nothing was done",
    )
}

/// Creates the migration tables that are not there and waits until they are active; a dry run only says which.
pub async fn init(settings: &Settings) -> Result<InitReport> {
    let dry_run = settings.dry_run;
    let store = connect(settings).await?;
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
    let state = marked.map_err(|error| Trouble::of_state(&error))?;
    Ok(InitReport {
        state: Some(state),
        ..init_report(made, false)
    })
}

fn init_report(made: Vec<crate::state::define::Made>, dry_run: bool) -> InitReport {
    let table = |made: crate::state::define::Made| InitTable {
        table: made.table,
        created: made.created,
    };
    InitReport {
        dry_run,
        state: None,
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
    (stop, face): (Stop, Face),
) -> Result<SetupReport> {
    let network = settings.network();
    // The upload service is the provider of today: of several customers of a space, its row's counts.
    let first = std::iter::once(&network.upload_service.did);
    let store = open(settings).await?;
    let state = identity(settings, &store).await?;
    let parts = Parts {
        census: connect_tables(&settings.aws, network, &settings.limits).await,
        store,
        dir: settings.state_dir.clone(),
        providers: first
            .chain(&network.storage_providers)
            .map(ToString::to_string)
            .collect(),
        uploads_table: network.tables.upload.clone(),
        state,
        by: who(),
        clock: Clock::system(),
    };
    let report = run_setup(&parts, &options, (&stop, &face)).await?;
    if !report.analyzed_only {
        // Displays have a sum from the first second on; without it they read the rows.
        let by = InstanceId::new("setup");
        if let Err(error) = parts.store.refresh_totals(&by, Duration::ZERO).await {
            tracing::warn!(%error, "the progress rows are not summed up");
        }
    }
    Ok(report)
}

/// One look at the fleet; `monitor --watch` calls it again and again. `told` hears how many spaces were read so far
/// when all are summed up.
///
/// # Errors
/// [`Kind::NotFound`] if the customer, space or instance that was asked for is in no table.
pub async fn monitor(
    settings: &Settings,
    options: &options::Monitor,
    told: impl FnMut(u64) + Send,
) -> Result<View> {
    let store = open(settings).await?;
    let clock = Clock::system();
    let view = if options.exact {
        let exact = monitor::exact(&store, clock.unix_ms(), told).await;
        exact.map(View::Overview)
    } else {
        monitor::look(&store, clock, &ask(options)).await
    };
    let view = view.map_err(|error| Trouble::of_state(&error))?;
    match view.unknown() {
        None => Ok(view),
        Some(what) => Err(Trouble::new(
            Kind::NotFound,
            format!("show {what}"),
            "it has no row: `sterna setup` has not seen it, and no run has worked on it",
            "check the name, --env and `sterna monitor`",
        )
        .into()),
    }
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
