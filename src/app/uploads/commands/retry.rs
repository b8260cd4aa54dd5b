//! Uploads that failed, or that an audit found not to be right, taken up again.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use anyhow::Result;
use futures::{StreamExt as _, stream};

use crate::app::session::{AuditedItems, Work, planned, unless_stopped};
use crate::app::uploads::scope::listed;
use crate::app::uploads::scope::resolver;
use crate::app::uploads::session::{BEGIN, ROWS, UploadsSession};
use crate::app::uploads::workload::connect;
use crate::app::{CommandError, Kind, ProgressSink, RunReport, Stop};
use crate::config::{Settings, options};
use crate::engine::{self, Depth, ItemList as _, Job, Migration as _, Report, Retry, UnitContext};
use crate::migrations::uploads::VOCABULARY;
use crate::model::{InstanceId, ItemId, ItemRange, StepName, UnitId, UnixMillis};
use crate::state::{FailedQuery, Store};

/// Unknown spaces that are listed one by one.
const NAMED: usize = 20;

/// Tries again what failed before, or what the report of an audit names.
///
/// # Errors
/// What it is about is not there or is another's; the run could not begin, or nothing could work.
pub async fn retry(
    settings: &Settings,
    options: options::Retry,
    stop: Stop,
    sink: ProgressSink,
) -> Result<RunReport> {
    let connecting = connect(settings, &options.scope, options.index_unverified);
    let opened = unless_stopped(&stop, BEGIN, connecting).await?;
    let mut config = opened.config(options.instance, options.concurrency)?;
    let state = config.identity.to_string();
    let (named, unknown_roots) = if options.scope.roots.is_empty() {
        (None, Vec::new())
    } else {
        let failed = wanted(&options, opened.clock.now());
        let reading = listed(&opened, (&options.scope, failed), &sink);
        let (items, unknown) = unless_stopped(&stop, BEGIN, reading).await?;
        (Some(items), unknown)
    };
    if options.dry_run {
        let (items, depth) = if let Some(named) = named {
            (named.into_items(), Depth::default())
        } else {
            let would = would(&opened, &options, &state);
            unless_stopped(&stop, BEGIN, would).await?
        };
        config.depth = depth;
        let plan = opened
            .audit(
                config,
                Work::Items(items),
                Report::new("plan", "plan"),
                (stop, sink),
            )
            .await?;
        return Ok(RunReport {
            unknown_items: unknown_roots,
            ..planned(plan, None)
        });
    }
    let job = match (&options.audit, named) {
        (_, Some(named)) => Job::RetryListed(Arc::new(named)),
        (Some(file), None) => {
            let reading = audited(&opened.store, (file, &state), &options);
            let list = unless_stopped(&stop, BEGIN, reading).await?;
            config.depth = list.depth;
            Job::RetryListed(Arc::new(list))
        }
        (None, None) => {
            let checking = check_names(&opened, &options, &sink);
            unless_stopped(&stop, BEGIN, checking).await?;
            Job::RetryFailed(wanted(&options, opened.clock.now()))
        }
    };
    config.max_failure_rate = options.max_failure_rate;
    config.limit = options.scope.limit;
    let report = opened.run(config, job, (stop, sink)).await?;
    Ok(RunReport {
        unknown_items: unknown_roots,
        ..report
    })
}

/// Names that nobody knows are told before anything is written; that nothing of them failed is an answer.
async fn check_names(
    opened: &UploadsSession,
    options: &options::Retry,
    sink: &ProgressSink,
) -> Result<()> {
    let scope = &options.scope;
    if let Some(number) = options.only_instance {
        known_instance(opened, number).await?;
    }
    let names = scope.customers.is_some()
        || !scope.only_customers.is_empty()
        || !scope.only_spaces.is_empty();
    if !names {
        return Ok(());
    }
    let wanted = wanted(options, opened.clock.now());
    let first = engine::failed_items(&opened.store, wanted).next().await;
    if first.is_none() {
        resolver(opened).work(scope, sink).await?;
    }
    Ok(())
}

/// Fails for a number that no instance ever used.
async fn known_instance(opened: &UploadsSession, number: u32) -> Result<()> {
    let fleet = opened.store.fleet().await;
    let fleet = fleet.map_err(|error| CommandError::of_state(&error))?;
    let instance = InstanceId::number(number);
    if fleet.iter().any(|report| report.instance == instance) {
        return Ok(());
    }
    Err(CommandError::new(
        Kind::NotFound,
        format!("retry what instance {number} recorded"),
        "no instance with this number ever reported",
        "see `sterna monitor` for those that did; nothing was done",
    )
    .into())
}

/// What would be taken up, for a dry run: all of it in memory; and how closely it is looked at.
async fn would(
    opened: &UploadsSession,
    options: &options::Retry,
    state: &str,
) -> Result<(Vec<(UnitId, ItemId)>, Depth)> {
    let mut items = Vec::new();
    let mut whole = BTreeSet::new();
    if let Some(file) = &options.audit {
        let list = audited(&opened.store, (file, state), options).await?;
        for unit in list.units() {
            let named = list.items(&unit, 0, usize::MAX)?;
            items.extend(named.into_iter().map(|item| (unit.clone(), item)));
        }
        return Ok((items, list.depth));
    }
    let wanted = wanted(options, opened.clock.now());
    let reasons = VOCABULARY.reasons;
    let mut failed = engine::failed_items(&opened.store, wanted);
    while let Some(piece) = failed.next().await {
        let (unit, found) = piece.map_err(|failure| CommandError::of_failure(&failure, reasons))?;
        if found.iter().any(ItemId::is_all_of_unit) {
            whole.insert(unit.clone());
        }
        items.extend(found.into_iter().map(|item| (unit.clone(), item)));
    }
    drop(failed);
    // Of what a cause of its space keeps back, every upload is looked at.
    items.retain(|(unit, _)| !whole.contains(unit));
    for unit in whole {
        let context = UnitContext::new(unit.clone(), opened.clock, opened.tasks.clone());
        let mut listed = opened.migration.items(&context, ItemRange::default());
        while let Some(item) = listed.next().await {
            let item = item.map_err(|failure| CommandError::of_failure(&failure, reasons))?;
            items.push((unit.clone(), opened.migration.item_id(&item)));
        }
    }
    Ok((items, Depth::default()))
}

/// Failures of everything that is asked for, whatever their roots.
fn wanted(options: &options::Retry, now: UnixMillis) -> Retry {
    let scope = &options.scope;
    let since = options.since.map(|ago| now - ago);
    Retry {
        query: FailedQuery {
            instance: options.only_instance.map(InstanceId::number),
            reasons: options.reasons.clone(),
            classes: options.classes.clone(),
            steps: options.steps.iter().cloned().map(StepName::from).collect(),
            since,
            ..FailedQuery::default()
        },
        owners: owners(scope),
        names: scope.only_spaces.iter().map(ToString::to_string).collect(),
        item: None,
    }
}

fn owners(scope: &options::Scope) -> BTreeSet<String> {
    let file = scope.customers.iter().flat_map(|file| &file.customers);
    file.map(|share| share.customer.to_string())
        .chain(scope.only_customers.iter().map(ToString::to_string))
        .collect()
}

/// What the report of an audit names, as far as it is asked for. A report of spaces that these tables do not know is
/// refused.
async fn audited(
    store: &Store,
    (file, state): (&Path, &str),
    options: &options::Retry,
) -> Result<AuditedItems> {
    let (owners, scope) = (owners(&options.scope), &options.scope);
    let names: BTreeSet<String> = scope.only_spaces.iter().map(ToString::to_string).collect();
    let (path, state) = (file.to_owned(), state.to_owned());
    let read = tokio::task::spawn_blocking(move || AuditedItems::open(&path, &state)).await?;
    let mut items = read.map_err(|error| {
        CommandError::new(
            error.kind,
            format!("read {}", file.display()),
            error.why,
            "name a report that `sterna verify` wrote (`verify` prints its name); nothing was done",
        )
    })?;
    if !items.is_whole {
        tracing::warn!(
            report = %file.display(),
            "the audit did not finish, and uploads that it did not reach are not retried: `sterna verify --resume` continues it"
        );
    }
    let units = items.units();
    let rows = stream::iter(units).map(|unit| async move {
        let row = store.progress_row(&unit).await;
        row.map(|row| row.is_none().then_some(unit))
    });
    let mut rows = rows.buffer_unordered(ROWS);
    let mut unknown = Vec::new();
    while let Some(row) = rows.next().await {
        unknown.extend(row.map_err(|error| CommandError::of_state(&error))?);
    }
    if !unknown.is_empty() {
        let mut list: Vec<String> = unknown.iter().map(|unit| unit.name.to_string()).collect();
        list.sort();
        list.truncate(NAMED);
        return Err(CommandError::new(
            Kind::Mismatch,
            format!("retry the uploads in {}", file.display()),
            format!(
                "{} of its spaces have no row in these tables: it belongs to another network or other tables, or the spaces \
                 were never migrated ({})",
                unknown.len(),
                list.join(", ")
            ),
            "check --env, or migrate these spaces first; nothing was done",
        )
        .into());
    }
    items.keep(|unit| {
        let owner = owners.is_empty() || owners.contains(&*unit.owner);
        owner && (names.is_empty() || names.contains(&*unit.name))
    });
    Ok(items)
}
