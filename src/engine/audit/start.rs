//! Begins an audit, goes through its units, and ends it.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use futures::stream;
use tokio_util::task::AbortOnDropHandle;

use crate::engine::{Config, Ended, Error, Migration, Parts, holds};
use crate::model::{
    AuditLine, AuditOpening, Event, Failure, ItemId, Reason, Unit, UnitAudited, UnitId,
};
use crate::runtime::Degree;
use crate::state::Journal;

use super::Choice;
use super::report::{self, Earlier, Report};
use super::shared::{Audit, AuditOutcome, Scope};
use super::unit::{Wanted, of_unit};

/// Looks at items and says of each whether it is right. Makes no effect and writes no row; the
/// report is a local file of its own, named after the instance, `report` and the run.
///
/// # Errors
/// [`Error::NothingToResume`]; those of the report's file.
pub async fn audit<M: Migration>(
    parts: Parts<M>,
    config: Config,
    scope: Scope,
    report: Report,
) -> Result<AuditOutcome, Error> {
    let now = parts.clock.unix_ms();
    let opening = report::opening(&config, parts.migration.name(), &report.scope, now);
    let (earlier, journal, file) = open(&parts, &config, &report, opening).await?;
    let audit = Arc::new(Audit::new(parts, config, journal));
    let units = wanted(scope);
    announce(&audit, &units);
    let known = earlier.as_ref().map_or_else(BTreeMap::new, |earlier| {
        // Those that are out of scope by now are told, but not gone on with.
        audit.know(&earlier.units);
        earlier.units.clone()
    });
    let beside = beside(&audit);
    let all = units.len() as u64;
    through(&audit, units, known).await?;
    drop(beside);
    audit.write().await.map_err(Error::State)?;
    audit.parts.events.publish(Event::RunEnded);
    let outcome = outcome(&audit, file, all, earlier);
    if outcome.ended == Ended::Finished {
        let end = AuditLine::End {
            verdicts: outcome.verdicts,
            listed: outcome.listed,
            unlisted: outcome.unlisted,
            at: audit.parts.clock.unix_ms(),
        };
        audit.report.append(&end).await.map_err(Error::State)?;
    }
    Ok(outcome)
}

/// Opens the report, and finds the audit that it is to go on with.
async fn open<M: Migration>(
    parts: &Parts<M>,
    config: &Config,
    report: &Report,
    opening: AuditOpening,
) -> Result<(Option<Earlier>, Journal, PathBuf), Error> {
    let (store, tasks) = (parts.store.clone(), parts.tasks.clone());
    let (config, report, wanted) = (config.clone(), report.clone(), opening.clone());
    let opening_files = parts.tasks.blocking(move || {
        let earlier = report
            .resume
            .then(|| report::unfinished(&store, report.name, &wanted))
            .transpose()?;
        let (journal, path) = report::open(&store, &tasks, &config, report.name)?;
        Ok::<_, Error>((earlier, journal, path))
    });
    let opened = opening_files.await.map_err(|source| Error::File {
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

fn wanted(scope: Scope) -> Vec<Wanted> {
    match scope {
        Scope::Units(units, choice) => {
            let whole = units.into_iter().map(|unit| Wanted {
                unit,
                named: None,
                choice,
            });
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
                Wanted {
                    unit: Unit {
                        id: unit,
                        planned: Some(items.len() as u64),
                    },
                    named: Some(items),
                    choice: Choice::default(),
                }
            });
            named.collect()
        }
    }
}

fn announce<M: Migration>(audit: &Audit<M>, units: &[Wanted]) {
    audit.parts.events.publish(Event::RunStarted {
        run: audit.config.run.clone(),
        instance: audit.config.instance.clone(),
        migration: audit.migration.name(),
        plan: audit.config.plan.clone(),
        units: units.len() as u64,
        planned: units.iter().filter_map(|one| one.unit.planned).sum(),
        asked: None,
    });
}

/// What goes on beside the looks: the time limit, and what holds calls back. Ends when it is dropped.
fn beside<M: Migration>(audit: &Arc<Audit<M>>) -> [AbortOnDropHandle<()>; 2] {
    let (parts, most) = (&audit.parts, audit.config.max_duration);
    let (stop, events) = (parts.stop.clone(), parts.events.clone());
    let limits = async move {
        tokio::select! {
            biased;
            () = stop.reached(Degree::Drain) => {}
            () = tokio::time::sleep(most.unwrap_or(Duration::MAX)) => {
                stop.ask(Degree::Drain, "the time limit is reached");
            }
        }
        let reason = stop.reason().unwrap_or("on request").to_owned();
        events.publish(Event::Draining { reason });
    };
    let (events, dependencies) = (parts.events.clone(), parts.dependencies.clone());
    let holds = async move { holds::show(&events, &dependencies).await };
    [
        AbortOnDropHandle::new(parts.tasks.spawn(limits)),
        AbortOnDropHandle::new(parts.tasks.spawn(holds)),
    ]
}

/// Goes through the units, some at once, and writes the report by time.
async fn through<M: Migration>(
    audit: &Arc<Audit<M>>,
    units: Vec<Wanted>,
    mut known: BTreeMap<UnitId, UnitAudited>,
) -> Result<(), Error> {
    let at_once = audit.config.units_at_once.max(1) as usize;
    let open = units.into_iter().filter_map(|wanted| {
        let earlier = known.remove(&wanted.unit.id);
        let ended = earlier.as_ref().is_some_and(|unit| unit.ended);
        (!ended).then_some((wanted, earlier))
    });
    let open: Vec<_> = open.collect();
    let mut flying = stream::iter(open)
        .map(|(wanted, earlier)| {
            let unit = wanted.unit.id.clone();
            let task = of_unit(Arc::clone(audit), wanted, earlier);
            let task = AbortOnDropHandle::new(audit.parts.tasks.spawn(task));
            async move { (unit, task.await) }
        })
        .buffer_unordered(at_once);
    loop {
        tokio::select! {
            biased;
            ended = flying.next() => match ended {
                None => return Ok(()),
                Some((_, Ok(()))) => {}
                Some((unit, Err(error))) => {
                    let failure = Failure::permanent(Reason::INTERNAL, error.to_string());
                    audit.unlisted(&unit, None, failure);
                }
            },
            () = audit.is_due() => audit.write().await.map_err(Error::State)?,
        }
    }
}

fn outcome<M: Migration>(
    audit: &Audit<M>,
    file: PathBuf,
    units: u64,
    earlier: Option<Earlier>,
) -> AuditOutcome {
    let totals = audit.totals();
    let stop = &audit.parts.stop;
    let ended = match (totals.fatal, totals.unfinished) {
        (Some(failure), _) => Ended::Fatal(failure),
        (None, false) => Ended::Finished,
        (None, true) if stop.degree() > Degree::Run => Ended::Stopped {
            reason: stop.reason().unwrap_or("on request").to_owned(),
            aborted: stop.degree() >= Degree::Abort,
        },
        (None, true) => Ended::Limit,
    };
    AuditOutcome {
        ended,
        verdicts: totals.verdicts,
        listed: audit.listed(),
        unlisted: totals.unlisted,
        units,
        whole: totals.whole,
        would: totals.would,
        first: totals.first,
        first_unlisted: totals.first_unlisted,
        snapshot: audit.parts.events.snapshot(),
        file,
        resumes: earlier.map(|earlier| earlier.run),
    }
}
