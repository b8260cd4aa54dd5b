//! Rollback: first what would be done and what stays, then the doing.

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Result;

use super::{Session, Workload, folder, stopped, unless_stopped};
use crate::app::{
    CommandError, Ended, Kind, ProgressSink, ProgressUpdate, RollbackPlan, RollbackReport, Stop,
    UnaccountedUnit,
};
use crate::engine::{
    self, Busy, Config, KnownRun, Lack, Migration, MissingJournal, UndoPlan, Within,
};
use crate::model::{InstanceId, Noun, RunId, Vocabulary};
use crate::monitor::{count, grouped};
use crate::runtime::StopLevel;
use crate::state::rows::stamp;

/// What is told when a rollback was stopped before it began.
const BEGIN: &str = "roll back";
/// Runs that are named when another one was asked for.
const NAMED: usize = 10;

/// Asked with what would be done, before anything is; an error ends it there.
pub type Agree<'a> = &'a (dyn Fn(&RollbackPlan) -> Result<()> + Send + Sync);

/// What is to be undone, and how.
#[derive(Debug, Clone, Default)]
pub struct Rollback {
    /// Owners and names of units; none is everything.
    pub units: Vec<(Option<String>, Option<String>)>,
    /// Only effects of this run.
    pub run: Option<RunId>,
    /// Journals beside those of the state folder: files, or folders with journals.
    pub journals: Vec<PathBuf>,
    /// Say what would be undone and change nothing.
    pub dry_run: bool,
    /// Undo what is known although journals are missing.
    pub allow_missing_journal: bool,
}

impl<W: Workload> Session<W> {
    /// Undoes what a migration made.
    ///
    /// # Errors
    /// Journals are missing, others work on the same units, what is asked for is unknown, or the operator does not agree:
    /// then nothing was changed. A fatal failure ended it.
    pub async fn rollback(
        &self,
        mut config: Config,
        wish: Rollback,
        agree: Agree<'_>,
        (stop, sink): (Stop, ProgressSink),
    ) -> Result<RollbackReport> {
        let (started, words) = (self.clock.instant(), self.workload.vocabulary());
        // The files of the instance are written; its leases, or those of others, are waited for.
        let place = self.store.config();
        let _lock = if wish.dry_run {
            None
        } else {
            config.folder = Some(folder::id(&place.dir)?);
            Some(folder::lock(place, &config.instance)?)
        };
        let state = config.identity.clone();
        let within = Within {
            units: wish.units.clone(),
            run: wish.run.clone(),
            journals: wish.journals.clone(),
            state: Some(state.clone()),
        };
        let (parts, events) = self.parts(stop.clone());
        let planning = plan_undo(&parts, &within, &sink);
        let mut found = unless_stopped(&stop, BEGIN, planning).await?;
        refuse(&found, &wish)?;
        let plan = plan(&found);
        if wish.dry_run {
            return Ok(RollbackReport {
                ended: Ended::Finished,
                dry_run: true,
                would_be_refused: refuse_incomplete(&found, &wish, words).is_err(),
                state,
                plan,
                seconds: started.elapsed().as_secs_f64(),
                ..RollbackReport::default()
            });
        }
        refuse_incomplete(&found, &wish, words)?;
        watch(&parts, &config, &mut found, (words, &stop)).await?;
        agree(&plan)?;
        let showing = self.show(events, Arc::clone(&sink));
        let run = config.run.clone();
        let outcome = engine::rollback(parts, config, found).await;
        drop(showing);
        let reasons = self.workload.vocabulary().reasons;
        let outcome = outcome.map_err(|error| CommandError::of_engine(&error, reasons))?;
        Ok(RollbackReport {
            ended: outcome.ended,
            run: Some(run),
            state,
            plan,
            undone: outcome.undone,
            gone: outcome.gone,
            kept: outcome.kept,
            units: outcome.units,
            failed: outcome.failed,
            refused: outcome.first,
            seconds: started.elapsed().as_secs_f64(),
            files: outcome.files,
            ..RollbackReport::default()
        })
    }
}

/// What the journals say.
async fn plan_undo(
    parts: &engine::RunParts<impl Migration>,
    within: &Within,
    sink: &ProgressSink,
) -> Result<UndoPlan> {
    sink(ProgressUpdate::Start {
        what: "reading the journals",
        done: 0,
        of: None,
    });
    let found = engine::plan_undo(parts, within).await;
    let reasons = parts.migration.reasons();
    Ok(found.map_err(|error| CommandError::of_engine(&error, reasons))?)
}

/// Refuses while anybody else works on the units.
async fn watch(
    parts: &engine::RunParts<impl Migration>,
    config: &engine::Config,
    found: &mut UndoPlan,
    (words, stop): (&Vocabulary, &Stop),
) -> Result<()> {
    let busy = engine::watch_others(parts, config, found).await;
    let reasons = parts.migration.reasons();
    let busy = busy.map_err(|error| CommandError::of_engine(&error, reasons))?;
    let refusal = |busy: Busy| {
        let numbers = busy.instances.iter().map(InstanceId::as_str);
        let drain: Vec<String> = numbers
            .map(|number| format!("`sterna ctl drain --instance {number} --why rollback`"))
            .collect();
        CommandError::new(
            Kind::Lease,
            format!(
                "roll back while others work on the same {}",
                words.unit.many
            ),
            busy.who,
            format!(
                "stop them: {}; when `sterna monitor` shows that they ended, roll back again; nothing was changed",
                drain.join(", ")
            ),
        )
    };
    match busy {
        Some(busy) => Err(refusal(busy).into()),
        None if stop.level() > StopLevel::Run => Err(stopped(stop, BEGIN).into()),
        None => Ok(()),
    }
}

/// What is missing must be named, or left out knowingly.
fn refuse_incomplete(found: &UndoPlan, wish: &Rollback, words: &Vocabulary) -> Result<()> {
    if found.is_whole() || wish.allow_missing_journal {
        return Ok(());
    }
    let missing = found.missing.iter();
    let mut lacks: Vec<String> = missing.map(|one| lack(one, words)).collect();
    let items: u64 = found.unaccounted.iter().map(|(_, number)| number).sum();
    if items > 0 {
        let units = found.unaccounted.len() as u64;
        lacks.push(format!(
            "no journal says what was made for {} in {}",
            of(items, words.item),
            of(units, words.unit)
        ));
    }
    let more = lacks.len().saturating_sub(NAMED);
    lacks.truncate(NAMED);
    if more > 0 {
        lacks.push(format!("and {more} more"));
    }
    Err(CommandError::new(
        Kind::Mismatch,
        "roll back everything that was made",
        lacks.join("; "),
        format!(
            "name what is missing with --journal PATH (a file, or a folder with journals); or undo what is known with \
             --allow-missing-journal, which keeps what was made for a {} as a whole; nothing was changed",
            words.owner.one
        ),
    )
    .into())
}

/// `1 blob`, `2,000 blobs`.
fn of(number: u64, noun: Noun) -> String {
    format!("{} {}", grouped(number), noun.of(number))
}

/// What is missing of a journal, in the words of its migration.
#[must_use]
pub fn lack(missing: &MissingJournal, words: &Vocabulary) -> String {
    let id = missing.journal.as_str();
    let journal = match id.split_once('#') {
        Some((instance, folder)) => format!(
            "the journal of instance {instance} (state folder {})",
            folder.get(..8).unwrap_or(folder)
        ),
        None => format!("the journal of instance {id}"),
    };
    let of = format!("which records {}", of(missing.units, words.unit));
    let written = missing.written;
    match missing.lack {
        Lack::Absent => format!("{journal}, {of}, was not found"),
        Lack::Cut { ends } => {
            format!("{journal}, {of}, is truncated: it ends at line {ends} of {written}")
        }
        Lack::Hole { first, last } => {
            format!("{journal}, {of}, has a gap: lines {first} to {last} are missing")
        }
    }
}

/// A rollback has nothing of its own that could be undone.
fn refuse_rollback(found: &UndoPlan, wish: &Rollback) -> Result<()> {
    let asked = wish.run.as_ref();
    let asked = asked.and_then(|asked| found.runs.iter().find(|run| run.run == asked.as_str()));
    let Some(known) = asked.filter(|run| run.effects == 0) else {
        return Ok(());
    };
    Err(CommandError::new(
        Kind::Usage,
        format!("roll back run {}", known.run),
        format!("that run is itself a rollback: {}", run(known)),
        "`sterna migrate` makes again what it undid; `sterna rollback --dry-run` lists the other runs",
    )
    .into())
}

/// Refuses what the journals found do not know, and what was a rollback itself.
fn refuse(found: &UndoPlan, wish: &Rollback) -> Result<()> {
    refuse_unknown(found, wish)?;
    refuse_rollback(found, wish)
}

fn refuse_unknown(found: &UndoPlan, wish: &Rollback) -> Result<()> {
    let (what, cause) = match &wish.run {
        Some(run) if !found.knows_run => {
            (format!("roll back run {run}"), "no journal names this run")
        }
        _ if !found.unknown.is_empty() => {
            let name = |(owner, name): &(Option<String>, Option<String>)| {
                let both = [name.as_deref(), owner.as_deref()];
                both.into_iter().flatten().collect::<Vec<_>>().join(" of ")
            };
            let names: Vec<String> = found.unknown.iter().map(name).collect();
            (
                format!("roll back {}", names.join(", ")),
                "neither the progress table nor a journal names it",
            )
        }
        _ => return Ok(()),
    };
    let journals: Vec<String> = found
        .journals
        .iter()
        .map(|path| path.display().to_string())
        .collect();
    let read = if journals.is_empty() {
        "no journal was found".to_owned()
    } else {
        format!("journals read: {}", journals.join(", "))
    };
    let known: Vec<String> = found.runs.iter().rev().take(NAMED).map(run).collect();
    let known = if known.is_empty() {
        String::new()
    } else {
        format!("; the last runs in them:\n    {}", known.join("\n    "))
    };
    Err(CommandError::new(
        Kind::NotFound,
        what,
        format!("{cause}; {read}{known}"),
        "see `sterna monitor` for what was migrated; name journals of other instances with --journal; nothing was changed",
    )
    .into())
}

/// A run that the journals know, in words.
fn run(run: &KnownRun) -> String {
    let instance = run.instance.as_ref();
    let instance = instance.map_or_else(String::new, |one| format!(", instance {one}"));
    let plan = run.plan.as_ref();
    let plan = plan.map_or_else(String::new, |plan| format!(", plan {}", plan.short()));
    let did = match (run.effects, run.undone) {
        (made, 0) => count(made, "effect"),
        (0, undone) => format!("a rollback of {}", count(undone, "effect")),
        (made, undone) => format!("{}, {undone} undone", count(made, "effect")),
    };
    format!(
        "{}: {did}, {} to {}{instance}{plan}",
        run.run,
        stamp(run.first_at),
        stamp(run.last_at)
    )
}

fn plan(found: &UndoPlan) -> RollbackPlan {
    let (undone, stays) = found.listed.iter().cloned().partition(|one| one.undone);
    RollbackPlan {
        stays,
        undone,
        units: found.units,
        missing: found.missing.clone(),
        unaccounted: found
            .unaccounted
            .iter()
            .map(|(unit, items)| UnaccountedUnit {
                owner: unit.owner.to_string(),
                unit: unit.name.to_string(),
                items: *items,
            })
            .collect(),
        journals: found.journals.clone(),
        runs: found.runs.iter().map(run).collect(),
    }
}
