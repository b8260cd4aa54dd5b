//! `migrate`: runs the uploads migration on this instance.

use anyhow::Result;

use crate::app::session::{Begun, Work, planned, unless_stopped};
use crate::app::uploads::scope::check_plan;
use crate::app::uploads::scope::words;
use crate::app::uploads::scope::{Resolved, refuse_nothing, resolver};
use crate::app::uploads::session::{BEGIN, UploadsSession};
use crate::app::uploads::workload::connect;
use crate::app::uploads::{sample, scope};
use crate::app::{Ended, ProgressSink, RunFindings, RunReport, Stop};
use crate::config::{Settings, options};
use crate::engine::{Config, Depth, Report};
use crate::migrations::uploads::{GATEWAY, LOCATION};
use crate::model::{Counts, PlanId, StepGroup};
use crate::state::Reopen;

/// Parts of the smallest space that is split.
const PARTS_AT_LEAST: u64 = 4;

/// Runs the uploads migration on this instance.
///
/// # Errors
/// What it is about is not there or is another's; the run could not begin, or nothing could work.
pub async fn migrate(
    settings: &Settings,
    options: options::Migrate,
    stop: Stop,
    sink: ProgressSink,
) -> Result<RunReport> {
    let prepare = prepare(settings, &options, &sink);
    let (opened, plan, resolved) = Box::pin(unless_stopped(&stop, BEGIN, prepare)).await?;
    let Resolved {
        work,
        unknown_roots,
    } = resolved;
    let mut config = opened.config(options.instance, options.concurrency)?;
    config.plan = plan;
    config.limit = options.scope.limit;
    config.max_duration = options.max_duration;
    let only = options.only.map(|group| group.name);
    config.steps = opened.steps(only);
    if options.recheck {
        config.depth = Depth::Presence;
    }
    if options.dry_run {
        let report = Box::pin(dry_run(&opened, config, work, &options, (stop, sink))).await?;
        return Ok(RunReport {
            unknown_items: unknown_roots,
            ..report
        });
    }
    apply_options(&mut config, &options);
    if let Work::Units(units) = &work {
        let looking = sample::check(&opened, units, &options);
        unless_stopped(&stop, BEGIN, looking).await?;
    }
    let recheck = begun_recheck(&opened, &options, &work, &config)?;
    config.reopen = match &recheck {
        Some(begun) => Reopen::Recheck(begun.since),
        None if options.repair => Reopen::TakenOver,
        None => Reopen::No,
    };
    let mut report = Box::pin(opened.migrate(config, work, (stop, sink))).await?;
    report.only = only;
    report.unknown_items = unknown_roots;
    if let Some(begun) =
        recheck.filter(|_| report.ended == Ended::Finished && report.unfinished == 0)
    {
        begun.end()?;
    }
    Ok(report)
}

/// What only a run that changes something is asked.
fn apply_options(config: &mut Config, options: &options::Migrate) {
    config.steal = options.steal;
    config.max_failure_rate = options.max_failure_rate;
    config.expected = Some(options.expected.clone());
    config.pace.checkpoint_items = options.checkpoint_every;
    config.pace.split_above = options.split_above;
    config.pace.part_items = (options.split_above / PARTS_AT_LEAST).max(1);
}

/// A dry run: says what `migrate` would do.
async fn dry_run(
    opened: &UploadsSession,
    config: Config,
    work: Work,
    options: &options::Migrate,
    ends: (Stop, ProgressSink),
) -> Result<RunReport> {
    let mut own = RunFindings::default();
    let mut of_ended = Counts::default();
    let leaves_ended = matches!(work, Work::Units(_)) && !options.recheck;
    let needs_gateway = |group: &StepGroup| group.has(&LOCATION) && !group.has(&GATEWAY);
    let work = match options.only {
        Some(group) if needs_gateway(group) => {
            let (work, withheld) = scope::authorised(opened, work).await?;
            own.withheld_spaces = withheld;
            work
        }
        None if leaves_ended => {
            let (work, ended, counts) = scope::open(opened, work).await?;
            (own.ended_spaces, of_ended) = (ended, counts);
            work
        }
        _ => work,
    };
    let plan = opened
        .audit(config, work, Report::new("plan", "plan"), ends)
        .await?;
    let report = planned(plan, options.only.map(|group| group.name));
    Ok(RunReport {
        own,
        counts: report.counts.plus(&of_ended),
        ..report
    })
}

/// What comes before a run and changes nothing: connections, the plan, the units.
async fn prepare(
    settings: &Settings,
    options: &options::Migrate,
    sink: &ProgressSink,
) -> Result<(Box<UploadsSession>, Option<PlanId>, Resolved)> {
    let opened = connect(settings, &options.scope, options.index_unverified).await?;
    let file = options.scope.customers.as_ref();
    let plan = check_plan(&opened.store, opened.identity()?, file).await?;
    let resolved = resolver(&opened).work(&options.scope, sink).await?;
    if !options.steal {
        refuse_nothing(&resolved.work, &options.scope)?;
    }
    Ok((opened, plan, resolved))
}

/// The recheck that is asked for, if it is one of whole spaces: one that was stopped, else a new one.
fn begun_recheck(
    opened: &UploadsSession,
    options: &options::Migrate,
    work: &Work,
    config: &Config,
) -> Result<Option<Begun>> {
    if !options.recheck || !matches!(work, Work::Units(_)) {
        return Ok(None);
    }
    let scope = words(&options.scope);
    let state = config.identity.to_string();
    let (of, now) = ((&*scope, &*state), opened.clock.now());
    let begun = Begun::open(opened.store.config(), &config.instance, of, now)?;
    if begun.resumed {
        tracing::info!(scope, "continuing a recheck that was stopped");
    }
    Ok(Some(begun))
}
