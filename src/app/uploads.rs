//! Runs of the uploads migration: the run itself, the retry of what failed, the rollback.

mod admit;
mod audited;
mod folder;
mod listed;
mod recheck;
mod retry;
mod rollback;
mod sample;
mod steps;
mod totals;

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result};
use futures::{StreamExt as _, stream};
use tokio_util::task::AbortOnDropHandle;

use super::scope::{Resolved, Resolver, Work, refuse_nothing};
use super::spaces::StoredSpaces;
use super::{
    AuditReport, Ended, Face, RunReport, Seen, Stop, Trouble, audit, tables, takeover,
    unless_stopped,
};
use crate::config::{Settings, options};
use crate::engine::{self, Config, Depth, Events, Job, Pace, Parts, StepFilter};
use crate::migrations::uploads::{self, Uploads};
use crate::model::{Counts, CustomerDid, InstanceId, PlanId, RunId, StateIdentity};
use crate::runtime::{Clock, Degree, Dependencies, Tasks};
use crate::state::{Reopen, Store};

pub(super) use admit::admit;
pub use retry::retry;
pub use rollback::{Agree, lack, rollback};
pub use steps::{STEPS, StepWords, readable, step_words};

/// Time between two looks of a display.
const FACE_EVERY: Duration = Duration::from_millis(250);
/// Rows that are written at once.
const ROWS: usize = 16;
/// What is told when a run was stopped before it began.
const BEGIN: &str = "migrate uploads";
/// Parts of the smallest space that is split.
const PARTS_AT_LEAST: u64 = 4;

/// What a run of the engine needs, connected.
pub(super) struct Opened {
    pub(super) migration: Uploads,
    pub(super) store: Store,
    pub(super) clock: Clock,
    pub(super) tasks: Tasks,
    /// Which tables these are; `None` if they have no id.
    identity: Option<StateIdentity>,
    dependencies: Dependencies,
}

impl Opened {
    /// Connects to the network and to the shared state. Changes nothing.
    pub(super) async fn connect(settings: &Settings) -> Result<Box<Self>> {
        Self::connect_to(settings, uploads::Settings::default()).await
    }

    /// The same, for a run with choices of its own.
    async fn connect_to(settings: &Settings, choices: uploads::Settings) -> Result<Box<Self>> {
        let clock = Clock::system();
        let dependencies = Dependencies::new();
        let store = tables::open(settings).await?;
        let identity = store.identity(settings.environment.as_str()).await;
        let identity = identity.map_err(|error| Trouble::of_state(&error))?;
        let registry = Arc::new(StoredSpaces(store.clone()));
        let config = settings.client();
        let connecting = Uploads::connect(&config, clock, dependencies.clone(), registry, choices);
        let migration = Box::pin(connecting).await;
        let migration = migration.map_err(|failure| Trouble::of_failure(&failure))?;
        Ok(Box::new(Self {
            migration,
            store,
            clock,
            tasks: Tasks::new(),
            identity,
            dependencies,
        }))
    }

    /// Which tables these are. Only what reads goes on without their id.
    pub(super) fn identity(&self, settings: &Settings) -> Result<&StateIdentity> {
        let identity = self.identity.as_ref();
        Ok(identity.ok_or_else(|| tables::without_id(settings))?)
    }

    /// Units or items that a scope names; `face` shows how far it is with them.
    pub(super) async fn work(
        &self,
        settings: &Settings,
        scope: &options::Scope,
        face: &Face,
    ) -> Result<Resolved> {
        self.resolver(settings).work(scope, face).await
    }

    fn resolver<'a>(&'a self, settings: &'a Settings) -> Resolver<'a> {
        Resolver {
            settings,
            tables: &self.migration.services().tables,
            store: &self.store,
        }
    }

    /// How many spaces the customers of a scope have, as far as no plan has said it.
    async fn spaces(
        &self,
        settings: &Settings,
        scope: &options::Scope,
        work: &Work,
    ) -> Result<Vec<(CustomerDid, u64)>> {
        self.resolver(settings).spaces(scope, work).await
    }

    /// The parts of one run, and the events that its display looks at.
    pub(super) fn parts(&self, stop: Stop) -> (Parts<Uploads>, Events) {
        let events = Events::new(self.clock);
        let parts = Parts {
            migration: Arc::new(self.migration.clone()),
            store: self.store.clone(),
            stop,
            tasks: self.tasks.clone(),
            clock: self.clock,
            events: events.clone(),
            dependencies: self.dependencies.clone(),
        };
        (parts, events)
    }

    /// Shows where the run stands until the handle is dropped.
    pub(super) fn show(&self, events: Events, face: Face) -> AbortOnDropHandle<()> {
        let showing = async move {
            loop {
                tokio::time::sleep(FACE_EVERY).await;
                events.look(|snapshot| face(Seen::Run(snapshot)));
            }
        };
        AbortOnDropHandle::new(self.tasks.spawn(showing))
    }
}

/// Runs the uploads migration on this instance.
pub async fn migrate(
    settings: &Settings,
    options: options::Migrate,
    stop: Stop,
    face: Face,
) -> Result<RunReport> {
    let prepare = prepare(settings, &options, &face);
    let (opened, plan, resolved) = Box::pin(unless_stopped(&stop, BEGIN, prepare)).await?;
    let Resolved {
        work,
        unknown_roots,
    } = resolved;
    let mut config = config(&opened, settings, (options.instance, options.concurrency))?;
    config.plan = plan;
    config.limit = options.scope.limit;
    config.max_duration = options.max_duration;
    config.steps = steps::filter(options.steps);
    let only = steps::name(options.steps);
    if options.recheck {
        config.depth = Depth::Presence;
    }
    if options.dry_run {
        let report = Box::pin(look(&opened, config, work, &options, (stop, face))).await?;
        return Ok(RunReport {
            unknown_roots,
            ..report
        });
    }
    asked(&mut config, &options);
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
    let finished = if matches!(config.steps, StepFilter::All) {
        let noting = async {
            let spaces = opened.spaces(settings, &options.scope, &work).await?;
            note_spaces(&opened.store, spaces, &face).await
        };
        unless_stopped(&stop, BEGIN, noting).await?;
        takeover::finish_spaces(&opened, &work.customers(), &stop).await?
    } else {
        Vec::new()
    };
    let job = match work {
        Work::Units(units) => Job::Units(units),
        Work::Items(items) => Job::Items(items),
    };
    let mut report = Box::pin(run(&opened, config, job, (stop, face))).await?;
    report.differences.splice(0..0, finished);
    report.only = only;
    report.unknown_roots = unknown_roots;
    if let Some(begun) =
        recheck.filter(|_| report.ended == Ended::Finished && report.unfinished == 0)
    {
        begun.end()?;
    }
    Ok(report)
}

/// What only a run that changes something is asked.
fn asked(config: &mut Config, options: &options::Migrate) {
    config.steal = options.steal;
    config.max_failure_rate = options.max_failure_rate;
    config.expected = Some(options.expected.clone());
    config.pace.checkpoint_items = options.checkpoint_every;
    config.pace.split_above = options.split_above;
    config.pace.part_items = (options.split_above / PARTS_AT_LEAST).max(1);
}

/// A dry run: says what `migrate` would do.
async fn look(
    opened: &Opened,
    config: Config,
    work: Work,
    options: &options::Migrate,
    ends: (Stop, Face),
) -> Result<RunReport> {
    let (mut withheld_spaces, mut ended_spaces) = (0, 0);
    let mut of_ended = Counts::default();
    let leaves_ended = matches!(work, Work::Units(_)) && !options.recheck;
    let work = match options.steps {
        options::Steps::LocationClaims => {
            let (work, withheld) = steps::authorised(opened, work).await?;
            withheld_spaces = withheld;
            work
        }
        options::Steps::All if leaves_ended => {
            let (work, ended, counts) = steps::open(opened, work).await?;
            (ended_spaces, of_ended) = (ended, counts);
            work
        }
        _ => work,
    };
    let plan = audit::run(opened, config, work, "plan", ends).await?;
    let report = planned(plan, steps::name(options.steps));
    Ok(RunReport {
        withheld_spaces,
        ended_spaces,
        counts: report.counts.plus(&of_ended),
        ..report
    })
}

/// What comes before a run and changes nothing: connections, the plan, the units.
async fn prepare(
    settings: &Settings,
    options: &options::Migrate,
    face: &Face,
) -> Result<(Box<Opened>, Option<PlanId>, Resolved)> {
    let choices = choices(&options.scope, options.index_unverified);
    let opened = Opened::connect_to(settings, choices).await?;
    let file = options.scope.customers.as_ref();
    let plan = admit(&opened.store, opened.identity(settings)?, file).await?;
    let resolved = opened.work(settings, &options.scope, face).await?;
    if !options.steal {
        refuse_nothing(&resolved.work, &options.scope)?;
    }
    Ok((opened, plan, resolved))
}

/// What a run chooses.
fn choices(scope: &options::Scope, index_unverified: bool) -> uploads::Settings {
    uploads::Settings {
        index_unverified,
        is_customer_named: scope.only_customers.len() == 1 && !scope.only_spaces.is_empty(),
        ..uploads::Settings::default()
    }
}

/// The recheck that is asked for, if it is one of whole spaces: one that was stopped, else a new one.
fn begun_recheck(
    opened: &Opened,
    options: &options::Migrate,
    work: &Work,
    config: &Config,
) -> Result<Option<recheck::Begun>> {
    if !options.recheck || !matches!(work, Work::Units(_)) {
        return Ok(None);
    }
    let scope = audit::words(&options.scope);
    let dir = &opened.store.config().dir;
    let state = config.identity.to_string();
    let (of, now) = ((&*scope, &*state), opened.clock.unix_ms());
    let begun = recheck::Begun::open(dir, &config.instance, of, now)?;
    if begun.resumed {
        tracing::info!(scope, "continuing a recheck that was stopped");
    }
    Ok(Some(begun))
}

/// Tells customers' rows how many spaces they have, so that none passes for completed before all are.
async fn note_spaces(store: &Store, spaces: Vec<(CustomerDid, u64)>, face: &Face) -> Result<()> {
    let (mut done, of) = (0, Some(spaces.len() as u64));
    let noting = stream::iter(spaces).map(|(customer, spaces)| async move {
        let noted = store.note_spaces(&customer, spaces).await;
        noted.map_err(|error| Trouble::of_state(&error))
    });
    let mut noting = noting.buffer_unordered(ROWS);
    while let Some(noted) = noting.next().await {
        noted?;
        done += 1;
        let what = "recording how many spaces customers have";
        face(Seen::Start { what, done, of });
    }
    Ok(())
}

async fn run(
    opened: &Opened,
    mut config: Config,
    job: Job,
    (stop, face): (Stop, Face),
) -> Result<RunReport> {
    let started = opened.clock.moment();
    // Holding the lock proves that an earlier process of this instance and folder is dead. A run that makes one step
    // only has the same journal as all others of its instance, so that a rollback knows what it made: never two at once.
    let dir = &opened.store.config().dir;
    let _lock = folder::lock(dir, &config.instance)?;
    config.folder = Some(folder::id(dir)?);
    config.adopt_own = true;
    let (run, plan) = (config.run.clone(), config.plan.clone());
    let of_units = matches!(job, Job::Units(_));
    let (instance, state) = (config.instance.clone(), config.identity.clone());
    let (parts, events) = opened.parts(stop.clone());
    let showing = opened.show(events.clone(), Arc::clone(&face));
    let summing = totals::keep_fresh(opened, &instance);
    let is_retry = matches!(job, Job::Failed(_) | Job::Named(_));
    let outcome = engine::run(parts, config, job).await;
    drop((showing, summing));
    let outcome = outcome.map_err(|error| Trouble::of_engine(&error))?;
    face(Seen::Run(&outcome.snapshot));
    let seconds = started.elapsed().as_secs_f64();
    let totals = match stop.degree() {
        Degree::Run | Degree::Drain => totals::at_end(opened, &instance, totals::PATIENCE).await,
        Degree::Abort => totals::at_end(opened, &instance, totals::HURRY).await,
        Degree::Exit => None,
    };
    let (totals, spaces_without_row) = totals.unzip();
    Ok(RunReport {
        totals,
        spaces_without_row: spaces_without_row.unwrap_or(0),
        run: Some(run),
        plan,
        steps: outcome.snapshot.steps.clone(),
        state,
        ended: ended(outcome.ended)?,
        // What one cause keeps back is no news of single uploads: a retry counts it by its row.
        this_run: if is_retry {
            outcome.retried
        } else {
            outcome.snapshot.this_run
        },
        // The scope of a retry is what it took up, not all of the spaces that hold it.
        counts: if is_retry {
            outcome.retried
        } else {
            outcome.counts
        },
        unfinished: if of_units { outcome.unfinished } else { 0 },
        helped: outcome.helped,
        failures: if is_retry {
            outcome.retried_reasons
        } else {
            outcome.snapshot.reasons.clone()
        },
        seconds,
        files: outcome.files,
        differences: takeover::of_units(&outcome.snapshot),
        unverified_blocks: opened.migration.unverified_blocks(),
        ..RunReport::default()
    })
}

/// How the engine's ending reads to an operator; a fatal one is an error.
pub(super) fn ended(ended: engine::Ended) -> Result<Ended> {
    Ok(match ended {
        engine::Ended::Finished => Ended::Finished,
        engine::Ended::Limit => Ended::Limit,
        engine::Ended::Stopped { reason, .. } => Ended::Stopped { reason },
        engine::Ended::Safety { reason } => Ended::Safety { reason },
        engine::Ended::Trouble { reason } => Ended::Trouble { reason },
        engine::Ended::Held { reason } => Ended::Held { reason },
        engine::Ended::Fatal(failure) => return Err(Trouble::of_failure(&failure).into()),
    })
}

/// The engine's settings that all runs share.
pub(super) fn config(
    opened: &Opened,
    settings: &Settings,
    (instance, concurrency): (u32, usize),
) -> Result<Config> {
    let run = RunId::new(uuid::Uuid::new_v4().to_string());
    let mut config = Config::new(
        InstanceId::number(instance),
        run,
        opened.identity(settings)?.clone(),
    );
    config.host = host();
    if let Some(term) = settings.lease_term {
        config.pace = Pace::with_lease_term(term);
    }
    config.concurrency = u32::try_from(concurrency).context("--concurrency is too large")?;
    // Spaces that wait in hand for a slot are kept from the other instances.
    config.units_at_once = config
        .units_at_once
        .min(config.concurrency.saturating_mul(2));
    Ok(config)
}

/// A plan as a run that did nothing: what is right is found, the rest is left.
fn planned(plan: AuditReport, only: Option<&'static str>) -> RunReport {
    let mut counts = Counts::planned(plan.verdicts.total());
    counts.done = plan.verdicts.ok;
    counts.found = plan.verdicts.ok;
    RunReport {
        only,
        dry_run: true,
        would: plan.would,
        verdicts: Some(plan.verdicts),
        state: plan.state,
        ended: plan.ended,
        counts,
        seconds: plan.seconds,
        files: plan.file.into_iter().collect(),
        ..RunReport::default()
    }
}

/// The name of the machine, for displays.
pub(super) fn host() -> String {
    std::fs::read_to_string("/proc/sys/kernel/hostname")
        .map_or_else(|_| String::new(), |name| name.trim().to_owned())
}
