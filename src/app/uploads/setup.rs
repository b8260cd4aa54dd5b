//! `setup`: scan consumers, count uploads, share them out over instances, write rows and one file per instance.
//!
//! Counting is the long part: its checkpoint is by space, so that an interrupted setup that is run again ends with the
//! same result. Rows are written conditionally: nothing that was begun is reset. Then the plan is put in force, and the
//! customers files come last: where they lie, the rows are there, and they are of the plan in force.

mod census;
mod count;
mod found;
mod notes;
mod parts;
#[cfg(test)]
mod tests;
mod write;

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result};

use crate::app::session::{Change, NewPlan, PlanBy, Standing, store, unless_stopped};
use crate::app::{CommandError, Kind, PlanReport, ProgressSink, SetupReport, SetupShare, Stop};
use crate::client::connect_tables;
use crate::config::{self, Settings, options};
use crate::migrations::uploads::plan::{Chosen, Filter, SkipList, choose};
use crate::migrations::uploads::{CustomerTables, VOCABULARY};
use crate::model::{InstanceId, StateIdentity, UnitId};
use crate::plan::{self, Load, Plan};
use crate::proto::{CustomerDid, SpaceDid};
use crate::runtime::Clock;

use census::Census;
use count::Counted;
use parts::{Parts, Read};

/// The largest skip file that is read, in bytes.
const SKIP_FILE_BYTES: u64 = 64 << 20;

/// What else may be done where running instances would lose spaces.
const WHILE_RUNNING: &str = "; or add --while-running: they continue with what they have, and other instances find that done \
                             or wait for it";

/// Counts uploads and distributes customers over instances.
///
/// # Errors
/// Tables or files are another's; instances at work would lose spaces; nothing is left to distribute; `stop` says so.
pub async fn setup(
    settings: &Settings,
    options: options::Setup,
    (stop, sink): (Stop, ProgressSink),
) -> Result<SetupReport> {
    let network = settings.network();
    // The upload service is the provider of today: of several customers of a space, its row's counts.
    let first = std::iter::once(&network.upload_service.did);
    let tables = store::open(settings).await?;
    let state = store::identity(settings, &tables).await?;
    let parts = Parts {
        census: connect_tables(&settings.aws, network, &settings.limits).await,
        store: tables,
        dir: settings.state_dir.clone(),
        providers: first
            .chain(&network.storage_providers)
            .map(ToString::to_string)
            .collect(),
        uploads_table: network.tables.upload.clone(),
        state,
        by: store::who(),
        clock: Clock::system(),
    };
    let report = run(&parts, &options, (&stop, &sink)).await?;
    if !report.analyzed_only {
        // Displays have a sum from the first second on; without it they read the rows.
        let by = InstanceId::new("setup");
        if let Err(error) = parts.store.refresh_totals(&by, Duration::ZERO).await {
            tracing::warn!(%error, "the progress rows are not summed up");
        }
    }
    Ok(report)
}

/// Runs `setup`. With `analyze` nothing is written; while it counts, a checkpoint lies there for the case that it is stopped.
async fn run<C: Census>(
    parts: &Parts<C>,
    options: &options::Setup,
    (stop, sink): (&Stop, &ProgressSink),
) -> Result<SetupReport> {
    if !options.analyze {
        write::refuse_foreign(&parts.dir, &parts.state)?;
    }
    let filter = options
        .filter
        .as_deref()
        .map_or_else(Filter::everyone, Filter::of);
    let reading = read(parts, options, &filter);
    let read = unless_stopped(stop, "distribute customers", reading).await?;
    let Read {
        chosen,
        migration_spaces,
        ..
    } = &read;
    let counted = count::count(parts, chosen, (stop, sink)).await?;
    let (loads, small) = at_least(chosen, &counted, options.min_uploads);
    let plan = plan::distribute(
        loads,
        plan::Options {
            instances: options.instances,
            split_over: options.split_over_percent,
        },
    );
    refuse_nothing(&plan, options)?;
    let mut notes = notes::notes(&read, &counted, small);
    let standing = Standing::read(&parts.store).await?;
    let differences = found::differences(
        &parts.store,
        standing.progress.values(),
        (chosen, &counted, migration_spaces),
    )
    .await?;
    let by = PlanBy {
        at: parts.clock.now(),
        who: parts.by.clone(),
        shaped_by: options.shape(),
    };
    let made = NewPlan::of(&plan, &standing, (&parts.state, &VOCABULARY), by);
    let change = made.change();
    let mut files = vec![None; plan.shares.len()];
    if !options.analyze {
        let how = (filter.as_text(), options.while_running);
        notes.extend(put_down(parts, &made, &change, how, stop).await?);
        let workers = options.workers_per_instance;
        files = write::files(parts, &made, workers, &mut notes)
            .context("write the customers files")?
            .into_iter()
            .map(Some)
            .collect();
    }
    // It came to its end, and what it counted grows old.
    let forgotten = counted.forget();
    forgotten.context("remove the checkpoint of the count")?;
    let of_plan = change.report();
    let mut report = report((&plan, &parts.state), files, of_plan, options.analyze);
    report.notes = notes;
    report.differences = differences;
    Ok(report)
}

/// A plan of nothing would take the place of the one in force: it is told, and nothing is written.
fn refuse_nothing(plan: &Plan, options: &options::Setup) -> Result<()> {
    if plan.owners() > 0 {
        return Ok(());
    }
    let cause =
        if options.filter.is_some() || options.skip_file.is_some() || options.min_uploads > 0 {
            "--filter, --skip-file and --min-uploads leave no customer with uploads"
        } else {
            "the consumer table of this network has no customer with a space"
        };
    Err(CommandError::new(
        Kind::NotFound,
        "find a customer to distribute",
        cause,
        "check the flags and --env; nothing was written",
    )
    .into())
}

/// Reads all consumers, and chooses whose spaces are migrated.
async fn read<C: Census>(
    parts: &Parts<C>,
    options: &options::Setup,
    filter: &Filter,
) -> Result<Read> {
    let skip = skip_list(options)?;
    let scanned = census::scan(&parts.census, options.parallel_segments).await?;
    let mut rows = scanned.rows;
    let migration_spaces = CustomerTables::of(&parts.store)
        .migration_space_names()
        .await;
    let migration_spaces = migration_spaces.map_err(|error| CommandError::of_state(&error))?;
    let before = rows.len();
    rows.retain(|row| !migration_spaces.contains(&row.space));
    let customers = rows.iter().filter_map(|row| row.customer.as_ref());
    Ok(Read {
        own: before - rows.len(),
        skips_nobody: skip.unused(customers.map(ToString::to_string)),
        chosen: choose(rows, &parts.providers, filter, &skip),
        migration_spaces,
        odd: scanned.odd,
    })
}

/// Writes the rows of a plan and puts it in force, unless running instances would lose spaces by it; gives notes.
async fn put_down<C>(
    parts: &Parts<C>,
    made: &NewPlan<'_>,
    change: &Change<'_>,
    (filter, while_running): (Option<&str>, bool),
    stop: &Stop,
) -> Result<Vec<String>> {
    if !while_running {
        change.refuse_taking(WHILE_RUNNING)?;
    }
    let store = &parts.store;
    let writing = write::Writing {
        store,
        plan: made,
        stop,
    };
    let notes = writing.rows(filter).await?;
    if !change.is_in_force() {
        made.put_in_force(store).await?;
    }
    Ok(notes)
}

fn skip_list(options: &options::Setup) -> Result<SkipList> {
    let Some(path) = &options.skip_file else {
        return Ok(SkipList::default());
    };
    let unusable = |cause: String| {
        let what = format!("read the skip file {}", path.display());
        CommandError::new(
            Kind::Usage,
            what,
            cause,
            "write one DID or e-mail address per line, or a JSON list of them",
        )
    };
    let text =
        config::read_text(path, SKIP_FILE_BYTES).map_err(|why| unusable(format!("it {why}")))?;
    Ok(SkipList::parse(&text).ok_or_else(|| unusable("it is not a list".to_owned()))?)
}

/// Loads of the customers that have enough uploads, and how many customers have not.
fn at_least(chosen: &Chosen, counted: &Counted, least: u64) -> (Vec<Load>, usize) {
    let mut totals = std::collections::BTreeMap::<&CustomerDid, u64>::new();
    for (space, customer) in &chosen.spaces {
        *totals.entry(customer).or_default() += counted.of(space);
    }
    let load = |(space, customer): (&SpaceDid, &CustomerDid)| Load {
        unit: UnitId::new(customer, space),
        items: counted.of(space),
    };
    let large = chosen
        .spaces
        .iter()
        .filter(|(_, customer)| totals.get(customer).is_some_and(|total| *total >= least));
    (
        large.map(load).collect(),
        totals.values().filter(|total| **total < least).count(),
    )
}

fn report(
    (plan, state): (&Plan, &StateIdentity),
    files: Vec<Option<PathBuf>>,
    of_plan: PlanReport,
    analyzed_only: bool,
) -> SetupReport {
    let share = |((instance, share), file): ((u32, &plan::Share), Option<PathBuf>)| SetupShare {
        instance,
        customers: share.portions.len() as u64,
        spaces: share.units(),
        uploads: share.items(),
        file,
    };
    SetupReport {
        plan: of_plan,
        state: state.clone(),
        customers: plan.owners(),
        spaces: plan.shares.iter().map(plan::Share::units).sum(),
        uploads: plan.shares.iter().map(plan::Share::items).sum(),
        instances: (1..).zip(&plan.shares).zip(files).map(share).collect(),
        spread_percent: plan.spread_percent(),
        notes: Vec::new(),
        differences: Vec::new(),
        analyzed_only,
    }
}
