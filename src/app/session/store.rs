//! The migration's own tables: open them, make them, say which they are.

use std::path::Path;

use anyhow::Result;
use serde_json::Value;

use crate::app::{CommandError, InitReport, InitTable, Kind};
use crate::client::AwsClients;
use crate::config::{Settings, user};
use crate::model::StateIdentity;
use crate::state::Store;

/// The migration tables of these settings, whatever they hold. A file for rows is made if it is not there.
async fn connect(settings: &Settings) -> Result<Store> {
    let client = || AwsClients::dynamodb_only(&settings.aws, &settings.limits);
    let opened = Store::open(settings.state.clone(), client).await;
    let error = |error| match settings.state.backend.file() {
        Some(file) => CommandError::of_state_file(file, &error),
        None => CommandError::of_state(&error),
    };
    Ok(opened.map_err(error)?)
}

/// The file for rows that the settings name, if it is not there. Only `init` makes one, so that a mistyped path is seen.
fn absent_file(settings: &Settings) -> Option<&Path> {
    let file = settings.state.backend.file();
    file.filter(|file| file.symlink_metadata().is_err())
}

/// The migration tables of these settings. Tables whose rows are of another version or environment are refused.
pub(in crate::app) async fn open(settings: &Settings) -> Result<Store> {
    if let Some(file) = absent_file(settings) {
        return Err(CommandError::new(
            Kind::Preflight,
            format!("use {} for state: it does not exist", file.display()),
            "`sterna init` has not made it, or --state names another path",
            "check the path, or run `sterna init` with the same --state; nothing was done",
        )
        .into());
    }
    let store = connect(settings).await?;
    let checked = store.check_format(settings.environment.as_str()).await;
    checked.map_err(|error| CommandError::of_state(&error))?;
    Ok(store)
}

/// Which tables these are; tables without an id are refused.
///
/// # Errors
/// [`Kind::Preflight`] if `init` gave them no id.
pub(in crate::app) async fn identity(settings: &Settings, store: &Store) -> Result<StateIdentity> {
    let identity = store.identity(settings.environment.as_str()).await;
    let identity = identity.map_err(|error| CommandError::of_state(&error))?;
    Ok(identity.ok_or_else(|| without_id(&settings.state.namespace.tables.progress))?)
}

/// What is said of tables without an id.
pub(super) fn without_id(table: &str) -> CommandError {
    CommandError::new(
        Kind::Preflight,
        format!("work on the tables of {table}: they have no id"),
        "they were made by CloudFormation, by the existing tool or by an earlier version, and `sterna init` has not run since",
        "run `sterna init`: it gives them an id and changes nothing else; nothing was done",
    )
}

/// Creates the migration tables that are not there and waits until they are active; a dry run only says which.
///
/// # Errors
/// The tables are of another environment or version, or cannot be reached or made.
pub async fn init(settings: &Settings) -> Result<InitReport> {
    let dry_run = settings.dry_run;
    let store = match absent_file(settings) {
        // What it would hold is what an empty store lacks.
        Some(_) if dry_run => Store::in_memory(settings.state.clone()),
        _ => connect(settings).await?,
    };
    match store.check_format(settings.environment.as_str()).await {
        Err(error) if !error.is_missing_table() => {
            return Err(CommandError::of_state(&error).into());
        }
        _ => {}
    }
    let made = if dry_run {
        store.check_tables().await
    } else {
        store.create_tables().await
    };
    let made = made.map_err(|error| CommandError::of_state(&error))?;
    if dry_run {
        return Ok(init_report(made, true));
    }
    let marked = store.mark_format(settings.environment.as_str()).await;
    let state = marked.map_err(|error| CommandError::of_state(&error))?;
    Ok(InitReport {
        state: Some(state),
        ..init_report(made, false)
    })
}

fn init_report(made: Vec<crate::state::define::Made>, dry_run: bool) -> InitReport {
    let table = |made: crate::state::define::Made| InitTable {
        table: made.table,
        created: made.created,
        missing_indexes: made.missing_indexes,
    };
    InitReport {
        dry_run,
        state: None,
        tables: made.into_iter().map(table).collect(),
    }
}

/// The tables as a `CloudFormation` template, and the IAM policy of a run.
#[must_use]
pub fn init_template(settings: &Settings) -> Value {
    Store::template(&settings.state.namespace)
}

/// Who asks, as `user@host`.
pub(in crate::app) fn who() -> String {
    format!("{}@{}", user().as_deref().unwrap_or("?"), host())
}

/// The name of the machine, for displays.
pub(super) fn host() -> String {
    std::fs::read_to_string("/proc/sys/kernel/hostname")
        .map_or_else(|_| String::new(), |name| name.trim().to_owned())
}
