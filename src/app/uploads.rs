//! Runs of the uploads migration: the run itself, the retry of what failed, the rollback.

mod admit;
mod rollback;
mod steps;

use std::fs::{File, TryLockError};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result};
use futures::{StreamExt as _, stream};
use tokio_util::task::AbortOnDropHandle;

use super::scope::{Resolver, Work, refuse_nothing};
use super::spaces::StoredSpaces;
use super::{AuditReport, Ended, Face, Kind, RunReport, Stop, Trouble, audit, tables, takeover};
use crate::config::{Settings, options};
use crate::engine::{self, Config, Events, Job, Pace, Parts, StepFilter};
use crate::migrations::uploads::{self, Uploads};
use crate::model::{Counts, CustomerDid, FailedItem, InstanceId, RunId, StepName};
use crate::runtime::{Clock, Dependencies, Tasks};
use crate::state::{FailedQuery, Reopen, Store};

pub(super) use admit::admit;
pub use rollback::{Agree, rollback};
pub use steps::{STEPS, StepWords, readable, step_words};

/// Time between two looks of a display.
const FACE_EVERY: Duration = Duration::from_millis(250);
/// Failure rows that are read at once.
const ROWS: usize = 16;
/// Parts of the smallest space that is split.
const PARTS_AT_LEAST: u64 = 4;

/// What a run of the engine needs, connected.
pub(super) struct Opened {
    pub(super) migration: Uploads,
    pub(super) store: Store,
    pub(super) clock: Clock,
    pub(super) tasks: Tasks,
    dependencies: Dependencies,
}

impl Opened {
    /// Connects to the network and to the shared state. Changes nothing.
    pub(super) async fn connect(settings: &Settings) -> Result<Self> {
        let clock = Clock::system();
        let dependencies = Dependencies::new();
        let store = tables::open(settings).await?;
        let registry = Arc::new(StoredSpaces(store.clone()));
        let config = settings.client();
        let choices = uploads::Settings::default();
        let migration = Uploads::connect(&config, clock, dependencies.clone(), registry, choices)
            .await
            .map_err(|failure| Trouble::of_failure(&failure))?;
        Ok(Self {
            migration,
            store,
            clock,
            tasks: Tasks::new(),
            dependencies,
        })
    }

    /// Units or items that a scope names.
    pub(super) async fn work(&self, settings: &Settings, scope: &options::Scope) -> Result<Work> {
        self.resolver(settings).work(scope).await
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
                events.look(|snapshot| face(snapshot));
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
    let opened = Opened::connect(settings).await?;
    let file = options.scope.customers.as_ref();
    admit(&opened.store, settings, file).await?;
    let work = opened.work(settings, &options.scope).await?;
    if !options.steal {
        refuse_nothing(&work, &options.scope)?;
    }
    let mut config = config(settings, options.instance, options.concurrency)?;
    config.plan = file.and_then(|file| Some(file.plan.as_ref()?.id.clone()));
    config.limit = options.scope.limit;
    config.max_duration = options.max_duration;
    config.steps = steps::filter(options.steps);
    let only = steps::name(options.steps);
    if options.dry_run {
        let (work, withheld_spaces) = match options.steps {
            options::Steps::LocationClaims => steps::authorised(&opened, work).await?,
            _ => (work, 0),
        };
        let plan = audit::run(&opened, config, work, "plan", (stop, face)).await?;
        return Ok(RunReport {
            withheld_spaces,
            ..planned(plan, only)
        });
    }
    config.steal = options.steal;
    config.max_failure_rate = options.max_failure_rate;
    config.pace.checkpoint_items = options.checkpoint_every;
    config.pace.split_above = options.split_above;
    config.pace.part_items = (options.split_above / PARTS_AT_LEAST).max(1);
    config.reopen = if options.repair {
        Reopen::TakenOver
    } else {
        Reopen::No
    };
    let finished = if matches!(config.steps, StepFilter::All) {
        let spaces = opened.spaces(settings, &options.scope, &work).await?;
        note_spaces(&opened.store, spaces).await?;
        takeover::finish_spaces(&opened, &work.customers(), &stop).await?
    } else {
        Vec::new()
    };
    let job = match work {
        Work::Units(units) => Job::Units(units),
        Work::Items(items) => Job::Items(items),
    };
    let mut report = run(&opened, config, job, (stop, face)).await?;
    report.differences.splice(0..0, finished);
    report.only = only;
    Ok(report)
}

/// Tells customers' rows how many spaces they have, so that none passes for completed before all are.
async fn note_spaces(store: &Store, spaces: Vec<(CustomerDid, u64)>) -> Result<()> {
    let noting = stream::iter(spaces).map(|(customer, spaces)| async move {
        let noted = store.note_spaces(&customer, spaces).await;
        noted.map_err(|error| Trouble::of_state(&error))
    });
    let mut noting = noting.buffer_unordered(ROWS);
    while let Some(noted) = noting.next().await {
        noted?;
    }
    Ok(())
}

/// Steps the failed items again, or says what that would do.
pub async fn retry(
    settings: &Settings,
    options: options::Retry,
    stop: Stop,
    face: Face,
) -> Result<RunReport> {
    let opened = Opened::connect(settings).await?;
    let failed = failed_items(&opened, &options).await?;
    let scope = &options.scope;
    let names = scope.customers.is_some()
        || scope.root.is_some()
        || !scope.only_customers.is_empty()
        || !scope.only_spaces.is_empty();
    if failed.is_empty() && names {
        // Names that nobody knows are told; that nothing of them failed is an answer.
        opened.work(settings, scope).await?;
    }
    let mut config = config(settings, options.instance, options.concurrency)?;
    if options.dry_run {
        let items = failed.into_iter().map(|failed| (failed.unit, failed.item));
        let work = Work::Items(items.collect());
        let plan = audit::run(&opened, config, work, "plan", (stop, face)).await?;
        return Ok(planned(plan, None));
    }
    config.max_failure_rate = options.max_failure_rate;
    let asked = failed.len() as u64;
    let report = run(&opened, config, Job::Failed(failed), (stop, face)).await?;
    // Its scope is what it took up, not all of the spaces that hold it.
    let counts = Counts {
        planned: asked.max(report.this_run.settled()),
        ..report.this_run
    };
    Ok(RunReport { counts, ..report })
}

async fn run(
    opened: &Opened,
    mut config: Config,
    job: Job,
    (stop, face): (Stop, Face),
) -> Result<RunReport> {
    let started = opened.clock.moment();
    // Holding the lock proves that an earlier process of this instance is dead. A run that makes one step only has
    // the same journal as all others of its instance, so that a rollback knows what it made: never two at once.
    let _lock = lock(&opened.store.config().dir, &config.instance)?;
    config.adopt_own = true;
    let (run, plan) = (config.run.clone(), config.plan.clone());
    let of_units = matches!(job, Job::Units(_));
    let (parts, events) = opened.parts(stop);
    let showing = opened.show(events.clone(), Arc::clone(&face));
    let outcome = engine::run(parts, config, job).await;
    drop(showing);
    let outcome = outcome.map_err(|error| Trouble::of_engine(&error))?;
    face(&outcome.snapshot);
    Ok(RunReport {
        run: Some(run),
        plan,
        steps: outcome.snapshot.steps.clone(),
        ended: ended(outcome.ended)?,
        this_run: outcome.snapshot.this_run,
        counts: outcome.counts,
        unfinished: if of_units { outcome.unfinished } else { 0 },
        helped: outcome.helped,
        failures: outcome.snapshot.reasons.clone(),
        seconds: started.elapsed().as_secs_f64(),
        files: outcome.files,
        differences: takeover::of_units(&outcome.snapshot),
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
pub(super) fn config(settings: &Settings, instance: u32, concurrency: usize) -> Result<Config> {
    let run = RunId::new(uuid::Uuid::new_v4().to_string());
    let mut config = Config::new(
        InstanceId::number(instance),
        run,
        tables::state_of(settings),
    );
    config.host = host();
    if let Some(term) = settings.lease_term {
        config.pace = Pace::with_lease_term(term);
    }
    config.concurrency = u32::try_from(concurrency).context("so many uploads in flight")?;
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
        ended: plan.ended,
        counts,
        seconds: plan.seconds,
        files: plan.file.into_iter().collect(),
        ..RunReport::default()
    }
}

async fn failed_items(opened: &Opened, options: &options::Retry) -> Result<Vec<FailedItem>> {
    let scope = &options.scope;
    let since = options.since.map(|ago| {
        let ago = u64::try_from(ago.as_millis()).unwrap_or(u64::MAX);
        opened.clock.unix_ms().saturating_sub(ago)
    });
    let base = FailedQuery {
        instance: options.only_instance.map(InstanceId::number),
        reasons: options.reasons.clone(),
        classes: options.classes.clone(),
        steps: options.steps.iter().cloned().map(StepName::from).collect(),
        since,
        ..FailedQuery::default()
    };
    let file = scope.customers.iter().flat_map(|file| &file.customers);
    let owners: Vec<String> = file
        .map(|share| share.customer.to_string())
        .chain(scope.only_customers.iter().map(ToString::to_string))
        .collect();
    let names: Vec<String> = scope.only_spaces.iter().map(ToString::to_string).collect();
    let mut found = Vec::new();
    for query in queries(&base, &owners, &names) {
        let failed = opened.store.failed_items(&query).await;
        found.extend(failed.map_err(|error| Trouble::of_state(&error))?);
    }
    if let Some(root) = &scope.root {
        let root = root.to_string();
        found.retain(|failed| failed.item.as_str() == root);
    }
    if let Some(limit) = scope.limit {
        found.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
    }
    Ok(found)
}

/// One query for each owner and name that is asked for; all failures if none is.
fn queries(base: &FailedQuery, owners: &[String], names: &[String]) -> Vec<FailedQuery> {
    let all = |list: &[String]| -> Vec<Option<String>> {
        if list.is_empty() {
            vec![None]
        } else {
            list.iter().cloned().map(Some).collect()
        }
    };
    let mut queries = Vec::new();
    for owner in all(owners) {
        for name in all(names) {
            queries.push(FailedQuery {
                owner: owner.clone(),
                name,
                ..base.clone()
            });
        }
    }
    queries
}

/// Takes the lock of an instance in a state folder; the system frees it with the process.
fn lock(dir: &Path, instance: &InstanceId) -> Result<File> {
    std::fs::create_dir_all(dir).with_context(|| format!("make {}", dir.display()))?;
    let path = dir.join(format!("instance-{instance}.lock"));
    let file = File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .open(&path)
        .with_context(|| format!("open {}", path.display()))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(Trouble::new(
            Kind::Lease,
            format!("run as instance {instance} in {}", dir.display()),
            "another process runs as this instance here",
            "wait for it or stop it (SIGTERM drains); or give this one another --instance",
        )
        .into()),
        Err(TryLockError::Error(error)) => {
            Err(error).with_context(|| format!("lock {}", path.display()))
        }
    }
}

/// The name of the machine, for displays.
pub(super) fn host() -> String {
    std::fs::read_to_string("/proc/sys/kernel/hostname")
        .map_or_else(|_| String::new(), |name| name.trim().to_owned())
}
