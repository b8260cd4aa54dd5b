//! Begins an audit, goes through its units, and ends it.

use std::collections::{BTreeMap, VecDeque};
use std::path::PathBuf;
use std::sync::Arc;

use futures::FutureExt;
use futures::future::{BoxFuture, ready};

use crate::engine::run::{Schedule, all_units, ended, spawn, until_drained};
use crate::engine::shared::Core;
use crate::engine::{Config, Ended, EngineError, Migration, RunParts, holds};
use crate::model::{AuditLine, AuditOpening, Event, Failure, ItemId, Unit, UnitAudited, UnitId};
use crate::state::Journal;

use super::report::{self, Earlier, Report};
use super::shared::{Audit, AuditOutcome, Scope};
use super::unit::{AuditRequest, of_unit};

/// Looks at items and says of each whether it is right. Makes no effect and writes no row; the
/// report is a local file of its own, named after the instance, `report` and the run.
///
/// # Errors
/// [`EngineError::NothingToResume`]; [`EngineError::Failed`] if nothing could work; those of the report's file.
pub async fn audit<M: Migration>(
    parts: RunParts<M>,
    config: Config,
    scope: Scope,
    report: Report,
) -> Result<AuditOutcome, EngineError> {
    let now = parts.clock.now();
    let opening = report::opening(&config, parts.migration.name(), &report.scope, now);
    let (earlier, journal, file) = open(&parts, &config, &report, opening).await?;
    let audit = Arc::new(Audit::new(Core::new(&parts, config), journal));
    let units = wanted(scope);
    let planned = units.iter().filter_map(|one| one.unit.planned).sum();
    audit.announce(units.len() as u64, planned, None);
    let known = earlier.as_ref().map_or_else(BTreeMap::new, |earlier| {
        // Those that are out of scope by now are told, but not gone on with.
        audit.know(&earlier.units);
        earlier.units.clone()
    });
    let helpers = [
        spawn(&audit, &audit.tasks, |audit| async move {
            until_drained(&audit).await;
        }),
        spawn(&audit, &audit.tasks, |audit| async move {
            holds::show(&audit.events, &audit.dependencies).await;
        }),
    ];
    let all = units.len() as u64;
    through(&audit, units, known).await?;
    drop(helpers);
    audit.write().await.map_err(EngineError::State)?;
    audit.events.publish(Event::RunEnded);
    let outcome = outcome(&audit, file, all, earlier).await?;
    if outcome.ended == Ended::Finished {
        let end = AuditLine::End {
            verdicts: outcome.verdicts,
            listed: outcome.listed,
            unlisted: outcome.unlisted,
            at: audit.clock.now(),
        };
        audit
            .report
            .append(&end)
            .await
            .map_err(EngineError::State)?;
    }
    Ok(outcome)
}

/// Opens the report, and finds the audit that it is to go on with.
async fn open<M: Migration>(
    parts: &RunParts<M>,
    config: &Config,
    report: &Report,
    opening: AuditOpening,
) -> Result<(Option<Earlier>, Journal, PathBuf), EngineError> {
    let (store, tasks) = (parts.store.clone(), parts.tasks.clone());
    let (config, report, wanted) = (config.clone(), report.clone(), opening.clone());
    let opening_files = parts.tasks.blocking(move || {
        let earlier = report
            .resume
            .then(|| report::unfinished(&store, report.name, &wanted))
            .transpose()?;
        let (journal, path) = report::open(&store, &tasks, &config, report.name)?;
        Ok::<_, EngineError>((earlier, journal, path))
    });
    let opened = opening_files.await.map_err(|source| EngineError::File {
        path: parts.store.config().dir.clone(),
        source: std::io::Error::other(source),
    });
    let (earlier, journal, path) = opened??;
    let opening = AuditOpening {
        resumes: earlier.as_ref().map(|earlier| earlier.run.clone()),
        ..opening
    };
    report::begin(&journal, opening, earlier.as_ref()).await?;
    Ok((earlier, journal, path))
}

fn wanted(scope: Scope) -> Vec<AuditRequest> {
    match scope {
        Scope::Units(units) => {
            let whole = units
                .into_iter()
                .map(|unit| AuditRequest { unit, named: None });
            whole.collect()
        }
        Scope::Items(items) => {
            let mut of_unit: BTreeMap<UnitId, Vec<ItemId>> = BTreeMap::new();
            for (unit, item) in items {
                of_unit.entry(unit).or_default().push(item);
            }
            let named = of_unit.into_iter().map(|(unit, mut items)| {
                items.sort();
                items.dedup();
                AuditRequest {
                    unit: Unit {
                        id: unit,
                        planned: Some(items.len() as u64),
                    },
                    named: Some(items),
                }
            });
            named.collect()
        }
    }
}

/// The units of an audit.
struct Units<M: Migration> {
    audit: Arc<Audit<M>>,
    waiting: VecDeque<(AuditRequest, Option<UnitAudited>)>,
}

impl<M: Migration> Schedule for Units<M> {
    type Job = UnitId;
    type End = ();

    fn next(&mut self) -> Option<Self::Job> {
        Some(self.waiting.front()?.0.unit.id.clone())
    }

    fn work(&mut self, _: &UnitId) -> BoxFuture<'static, ()> {
        match self.waiting.pop_front() {
            Some((wanted, earlier)) => of_unit(Arc::clone(&self.audit), wanted, earlier).boxed(),
            None => ready(()).boxed(),
        }
    }

    fn ended(&mut self, unit: UnitId, end: Result<(), Failure>) {
        if let Err(failure) = end {
            self.audit.unlisted(&unit, None, failure);
        }
    }
}

/// Goes through the units, some at once, and writes the report by time.
async fn through<M: Migration>(
    audit: &Arc<Audit<M>>,
    units: Vec<AuditRequest>,
    mut known: BTreeMap<UnitId, UnitAudited>,
) -> Result<(), EngineError> {
    let open = units.into_iter().filter_map(|wanted| {
        let earlier = known.remove(&wanted.unit.id);
        let ended = earlier.as_ref().is_some_and(|unit| unit.ended);
        (!ended).then_some((wanted, earlier))
    });
    let mut units = Units {
        audit: Arc::clone(audit),
        waiting: open.collect(),
    };
    let mut going = std::pin::pin!(all_units(audit, &mut units));
    loop {
        tokio::select! {
            biased;
            () = &mut going => return Ok(()),
            () = audit.is_due() => audit.write().await.map_err(EngineError::State)?,
        }
    }
}

async fn outcome<M: Migration>(
    audit: &Audit<M>,
    file: PathBuf,
    units: u64,
    earlier: Option<Earlier>,
) -> Result<AuditOutcome, EngineError> {
    let totals = audit.take_totals();
    Ok(AuditOutcome {
        ended: ended(audit, &totals.left).await?,
        verdicts: totals.verdicts,
        listed: audit.listed(),
        unlisted: totals.unlisted,
        units,
        whole: totals.whole,
        would: totals.would,
        first: totals.first,
        first_unlisted: totals.first_unlisted,
        snapshot: audit.events.snapshot(),
        file,
        resumes: earlier.map(|earlier| earlier.run),
    })
}
