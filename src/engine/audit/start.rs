//! Runs an audit.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures::StreamExt;
use futures::stream::{self, FuturesUnordered};
use serde::Serialize;
use tokio_util::task::AbortOnDropHandle;

use crate::engine::gate::{Admission, Gate};
use crate::engine::{Config, Ended, Error, Migration, Parts, Step, UnitContext, UnitStep};
use crate::model::{
    Between, Class, Event, Failure, Finding, ItemId, Reason, Snapshot, StepName, StepPlan, Unit,
    UnitId, Verdict, VerdictCounts,
};
use crate::runtime::Degree;
use crate::state::files::Rotation;
use crate::state::{Journal, ProgressRow};

use super::Choice;
use super::judge::{Judged, judge, judge_unit};

/// Items that are not right are also kept for the report, up to this many.
const KEPT: usize = 100;

/// What an audit is about. Progress rows are not asked: what is marked as done is looked at like
/// everything else.
#[derive(Debug, Clone)]
pub enum Scope {
    /// Items of these units.
    Units(Vec<Unit>, Choice),
    /// These items.
    Items(Vec<(UnitId, ItemId)>),
}

/// An item that is not right, or could not be judged: a line of the report.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Audited {
    /// The unit.
    pub unit: UnitId,
    /// The item; none when the unit could not be listed to its end.
    pub item: Option<ItemId>,
    /// The verdict.
    pub verdict: Verdict,
    /// What is missing or wrong, and which step would put it right.
    pub findings: Vec<Finding>,
    /// Why it could not be judged, or can never be put right.
    pub failure: Option<Failure>,
}

/// What an audit came to.
#[derive(Debug, Clone)]
pub struct AuditOutcome {
    /// How it ended.
    pub ended: Ended,
    /// Items by verdict.
    pub verdicts: VerdictCounts,
    /// The first ones that are not right.
    pub first: Vec<Audited>,
    /// What a run would do, by step.
    pub would: BTreeMap<StepName, StepPlan>,
    /// The last snapshot.
    pub snapshot: Snapshot,
    /// All that are not right, one JSON line each.
    pub file: PathBuf,
}

struct Audit<M: Migration> {
    migration: Arc<M>,
    steps: Vec<Arc<dyn Step<M>>>,
    unit_steps: Vec<Arc<dyn UnitStep>>,
    parts: Parts<M>,
    config: Config,
    gate: Gate,
    report: Journal,
    kept: Mutex<Kept>,
}

#[derive(Default)]
struct Kept {
    verdicts: VerdictCounts,
    first: Vec<Audited>,
    unwritten: Vec<Audited>,
    would: BTreeMap<StepName, StepPlan>,
    unfinished: bool,
    fatal: Option<Failure>,
}

/// Looks at items and says of each whether it is right. Makes no effect and writes no row;
/// the report is a local file, named after the instance and `name` (`audit`, `plan`).
pub async fn audit<M: Migration>(
    parts: Parts<M>,
    config: Config,
    scope: Scope,
    name: &str,
) -> Result<AuditOutcome, Error> {
    let (audit, file) = open(parts, config, name)?;
    let audit = Arc::new(audit);
    announce(&audit, &scope);
    let limits = audit.parts.tasks.spawn(time_limit(Arc::clone(&audit)));
    let limits = AbortOnDropHandle::new(limits);
    let units: Vec<(Unit, Option<Vec<ItemId>>, Choice)> = match scope {
        Scope::Units(units, choice) => units.into_iter().map(|unit| (unit, None, choice)).collect(),
        Scope::Items(items) => items
            .into_iter()
            .map(|(unit, item)| (Unit::new(unit), Some(vec![item]), Choice::default()))
            .collect(),
    };
    let at_once = audit.config.units_at_once.max(1) as usize;
    let mut flying = stream::iter(units)
        .map(|(unit, items, choice)| {
            let task = unit_of(Arc::clone(&audit), unit.id, items, choice);
            AbortOnDropHandle::new(audit.parts.tasks.spawn(task))
        })
        .buffer_unordered(at_once);
    while flying.next().await.is_some() {
        write(&audit).await?;
    }
    drop(flying);
    drop(limits);
    write(&audit).await?;
    audit.parts.events.publish(Event::RunEnded);
    Ok(outcome(&audit, file))
}

fn open<M: Migration>(
    parts: Parts<M>,
    config: Config,
    name: &str,
) -> Result<(Audit<M>, PathBuf), Error> {
    let folder = &parts.store.config().dir;
    let file = folder.join(format!("instance-{}-{name}.ndjson", config.instance));
    let fresh = || {
        let disk = parts.store.disk();
        // A report is of one audit.
        if disk.size(&file)?.is_some() {
            disk.truncate(&file, 0)?;
        }
        Journal::on(disk, &parts.tasks, &file, Rotation { bytes: u64::MAX })
    };
    let report = fresh().map_err(|source| Error::File {
        path: file.clone(),
        source,
    })?;
    let migration = Arc::clone(&parts.migration);
    let filter = &config.steps;
    let steps = migration
        .steps()
        .into_iter()
        .filter(|step| filter.allows(&step.name()));
    let unit_steps = migration
        .unit_steps()
        .into_iter()
        .filter(|step| filter.allows(&step.name()));
    let audit = Audit {
        steps: steps.collect(),
        unit_steps: unit_steps.collect(),
        gate: Gate::new(config.concurrency, config.limit),
        kept: Mutex::default(),
        migration,
        parts,
        config,
        report,
    };
    Ok((audit, file))
}

fn announce<M: Migration>(audit: &Audit<M>, scope: &Scope) {
    let (units, planned) = match scope {
        Scope::Units(units, _) => (
            units.len(),
            units.iter().filter_map(|unit| unit.planned).sum(),
        ),
        Scope::Items(items) => (0, items.len() as u64),
    };
    audit.parts.events.publish(Event::RunStarted {
        run: audit.config.run.clone(),
        instance: audit.config.instance.clone(),
        migration: audit.migration.name(),
        plan: audit.config.plan.clone(),
        units: units as u64,
        planned,
        asked: None,
    });
}

async fn time_limit<M: Migration>(audit: Arc<Audit<M>>) {
    let most = audit.config.max_duration.unwrap_or(Duration::MAX);
    tokio::time::sleep(most).await;
    audit
        .parts
        .stop
        .ask(Degree::Drain, "the time allowed is over");
}

/// Looks at the items of one unit: those given, or those listed and chosen.
async fn unit_of<M: Migration>(
    audit: Arc<Audit<M>>,
    id: UnitId,
    given: Option<Vec<ItemId>>,
    choice: Choice,
) {
    let context = UnitContext::new(id.clone(), audit.parts.clock, audit.parts.tasks.clone());
    let row = audit.parts.store.progress_row(&id).await.ok().flatten();
    let context = context.taken_over(row.as_ref().is_some_and(ProgressRow::has_foreign_work));
    let row = row.map(|row| row.progress);
    let (context, of_unit) = judge_unit(&audit.unit_steps, row.as_ref(), context).await;
    let of_unit = Arc::new(of_unit);
    let mut planned_unit = false;
    let mut items = match given {
        None => audit.migration.items(&context, Between::default()),
        Some(ids) => {
            let (migration, context) = (&audit.migration, &context);
            stream::iter(ids)
                .then(async move |id| migration.item(context, &id).await)
                .boxed()
        }
    };
    let mut flying = FuturesUnordered::new();
    loop {
        let item = tokio::select! {
            biased;
            () = audit.parts.stop.reached(Degree::Drain) => { audit.unfinished(); break }
            item = items.next() => item,
        };
        let item = match item {
            None => break,
            Some(Ok(item)) => item,
            Some(Err(failure)) => {
                // What was not listed was not judged.
                audit.keep(&id, None, Judged::new(Vec::new(), Some(failure)));
                break;
            }
        };
        if !choice.takes(&id, &audit.migration.item_id(&item)) {
            continue;
        }
        let admission = tokio::select! {
            biased;
            () = audit.parts.stop.reached(Degree::Drain) => { audit.unfinished(); break }
            admission = audit.gate.admit() => admission,
        };
        let Admission::Slot(slot) = admission else {
            audit.unfinished();
            break;
        };
        if !std::mem::replace(&mut planned_unit, true) {
            audit.plan(&of_unit);
        }
        let task = {
            let (audit, context, of_unit) =
                (Arc::clone(&audit), context.clone(), Arc::clone(&of_unit));
            async move {
                one(&audit, &context, &item, &of_unit).await;
                drop(slot);
            }
        };
        flying.push(AbortOnDropHandle::new(audit.parts.tasks.spawn(task)));
        while flying.len() > audit.config.pace.window && flying.next().await.is_some() {}
    }
    while flying.next().await.is_some() {}
}

async fn one<M: Migration>(audit: &Audit<M>, unit: &UnitContext, item: &M::Item, of_unit: &Judged) {
    let id = audit.migration.item_id(item);
    audit.parts.events.publish(Event::ItemStarted {
        unit: unit.id.clone(),
        item: id.clone(),
    });
    let judging = judge(
        &*audit.migration,
        &audit.steps,
        &audit.config.pace,
        unit,
        item,
    );
    let aborted = audit.parts.stop.reached(Degree::Abort);
    let judged = tokio::select! {
        biased;
        judged = judging => {
            audit.plan(&judged);
            judged.with(of_unit)
        }
        () = aborted => {
            audit.unfinished();
            let unit = unit.id.clone();
            audit.parts.events.publish(Event::ItemDropped { unit, item: id });
            return;
        }
    };
    audit.parts.events.publish(Event::ItemAudited {
        unit: unit.id.clone(),
        item: id.clone(),
        verdict: judged.verdict,
    });
    audit.keep(&unit.id, Some(id), judged);
    let due = audit.lock().unwritten.len() >= KEPT;
    if due && let Err(error) = write(audit).await {
        audit.die(&Failure::fatal(Reason::StateUnavailable, error.to_string()));
    }
}

impl<M: Migration> Audit<M> {
    fn lock(&self) -> std::sync::MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn unfinished(&self) {
        self.lock().unfinished = true;
    }

    /// Counts what would be done; that of a unit once, with its first item.
    fn plan(&self, judged: &Judged) {
        let mut kept = self.lock();
        for finding in &judged.findings {
            let step = kept.would.entry(finding.step.clone()).or_default();
            step.count(finding);
        }
    }

    fn die(&self, failure: &Failure) {
        self.lock().fatal.get_or_insert_with(|| failure.clone());
        self.parts.stop.ask(Degree::Drain, &failure.to_string());
    }

    fn keep(&self, unit: &UnitId, item: Option<ItemId>, judged: Judged) {
        let mut kept = self.lock();
        kept.verdicts.count(judged.verdict);
        drop(kept);
        if let Some(failure) = judged
            .failure
            .as_ref()
            .filter(|failure| failure.class == Class::Fatal)
        {
            self.die(failure);
        }
        if judged.verdict == Verdict::Ok {
            return;
        }
        let audited = Audited {
            unit: unit.clone(),
            item,
            verdict: judged.verdict,
            findings: judged.findings,
            failure: judged.failure,
        };
        let mut kept = self.lock();
        if kept.first.len() < KEPT {
            kept.first.push(audited.clone());
        }
        kept.unwritten.push(audited);
    }
}

async fn write<M: Migration>(audit: &Audit<M>) -> Result<(), Error> {
    let lines = std::mem::take(&mut audit.lock().unwritten);
    if lines.is_empty() {
        return Ok(());
    }
    audit.report.append_all(&lines).await.map_err(Error::State)
}

fn outcome<M: Migration>(audit: &Audit<M>, file: PathBuf) -> AuditOutcome {
    let kept = audit.lock();
    let ended = match (&kept.fatal, kept.unfinished) {
        (Some(failure), _) => Ended::Fatal(failure.clone()),
        (None, false) => Ended::Finished,
        (None, true) if audit.parts.stop.degree() > Degree::Run => Ended::Stopped {
            reason: audit.parts.stop.reason().unwrap_or("asked to").to_owned(),
            aborted: audit.parts.stop.degree() >= Degree::Abort,
        },
        (None, true) => Ended::Limit,
    };
    AuditOutcome {
        ended,
        verdicts: kept.verdicts,
        first: kept.first.clone(),
        would: kept.would.clone(),
        snapshot: audit.parts.events.snapshot(),
        file,
    }
}
