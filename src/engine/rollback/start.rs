//! Rolls back units, then owners that are requested as a whole.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::path::PathBuf;
use std::sync::Arc;

use futures::FutureExt;
use futures::future::BoxFuture;

use crate::engine::run::{self, Remaining, Schedule, ended, helpers, report, write_files};
use crate::engine::shared::Shared;
use crate::engine::{Config, Ended, EngineError, Migration, RunParts, StepFilter};
use crate::model::{Event, Failure, UnitId};
use crate::state::LeaseHolder;

use super::owner::owner;
use super::plan::{Plan, UndoPlan, UnitPlan};
use super::undo::{End, Refused, Rolling};
use super::unit::unit;

/// The end of the name of the results file. A rollback writes no lines.
const RESULTS: &str = "results.ndjson";

/// The outcome of a rollback.
#[derive(Debug, Clone)]
pub struct RolledBack {
    /// How it ended.
    pub ended: Ended,
    /// Effects that were undone, by kind.
    pub undone: BTreeMap<String, u64>,
    /// Effects that did not exist any more, or were never made.
    pub gone: u64,
    /// Effects that were kept because others need what they made.
    pub kept: u64,
    /// Units with nothing left to undo.
    pub units: u64,
    /// Effects that could not be undone.
    pub failed: u64,
    /// The first of them.
    pub first: Vec<Refused>,
    /// Units that others hold, with their holders.
    pub held: Vec<(UnitId, LeaseHolder)>,
    /// Files that it wrote.
    pub files: Vec<PathBuf>,
}

/// The outcome of the units.
#[derive(Debug, Default)]
struct Units {
    /// Those of which nothing is left to undo.
    clean: u64,
    /// Owners of units that are not clean.
    owners: BTreeSet<String>,
    remaining: Remaining,
}

/// Carries out a plan, and returns when everything is written. Dropping the future is like a crash: the next plan finds
/// what is left.
///
/// # Errors
/// The local files cannot be used or written.
pub async fn rollback<M: Migration>(
    parts: RunParts<M>,
    config: Config,
    undo_plan: UndoPlan,
) -> Result<RolledBack, EngineError> {
    let run = Shared::open(&parts, settings(config), RESULTS).await?;
    skip_lost_lines(&run, &undo_plan);
    let effects = undo_plan.to_undo();
    let Plan {
        units,
        owners,
        told,
        incomplete: _,
        dead,
        things,
        index,
    } = undo_plan.plan;
    run.announce(units.len() as u64, 0, None);
    run.events.publish(Event::UndoPlanned { effects });
    let background = helpers(&run).await;
    let rolling = Arc::new(Rolling::new(Arc::clone(&run), (index, things), dead));
    let mut done = all_units(&rolling, units).await;
    all_owners(&rolling, owners, &mut done).await;
    bring_up(&run, told).await;
    drop(background);
    run.events.publish(Event::RunEnded);
    write_files(&run).await?;
    report(&run).await;
    let tally = rolling.tally();
    Ok(RolledBack {
        ended: ended(&run, &done.remaining).await?,
        undone: tally.undone,
        gone: tally.gone,
        kept: tally.kept,
        units: done.clean,
        failed: tally.failed,
        first: tally.first,
        held: done.remaining.held,
        files: run.files.paths(),
    })
}

/// A rollback uses all steps and adopts no leases of an earlier process.
fn settings(config: Config) -> Config {
    Config {
        steps: StepFilter::All,
        adopt_own: false,
        drains: false,
        limit: None,
        ..config
    }
}

/// Skips the numbers of lines that the journal of this instance lost, so that the next plan misses them, too.
fn skip_lost_lines<M: Migration>(run: &Shared<M>, undo_plan: &UndoPlan) {
    let own = run.config.journal();
    for missing in undo_plan.missing.iter().filter(|one| one.journal == own) {
        run.files.journal_had(missing.written);
    }
}

/// Rolls back owners whose units have nothing left to undo.
async fn all_owners<M: Migration>(
    rolling: &Rolling<M>,
    owners: BTreeSet<String>,
    done: &mut Units,
) {
    for name in owners {
        if done.owners.contains(&name) {
            continue;
        }
        match owner(rolling, &name).await {
            End::Clean | End::Refused => {}
            End::Stopped => done.remaining.unfinished += 1,
            End::Held(unit, held) => done.remaining.held.push((unit, held)),
            End::Lost => done.remaining.lost += 1,
        }
    }
}

/// Updates the rows of owners.
async fn bring_up<M: Migration>(run: &Shared<M>, owners: BTreeSet<String>) {
    for owner in owners {
        if let Err(error) = run.refresh_owner(&owner).await {
            tracing::warn!(owner, %error, "the owner's row is not up to date");
        }
    }
}

/// A unit, its plan, and its lease if the beat did not move for a whole term.
type UnitJob = (UnitId, UnitPlan, Option<LeaseHolder>);

/// The units of a rollback.
struct Rounds<M: Migration> {
    rolling: Arc<Rolling<M>>,
    waiting: VecDeque<UnitJob>,
    /// Those that others hold.
    busy: Vec<(UnitId, UnitPlan, LeaseHolder)>,
    done: Units,
}

impl<M: Migration> Schedule for Rounds<M> {
    type Job = UnitJob;
    type End = End;

    fn next(&mut self) -> Option<UnitJob> {
        self.waiting.pop_front()
    }

    fn work(&mut self, job: &UnitJob) -> BoxFuture<'static, End> {
        let (rolling, (id, plan, dead)) = (Arc::clone(&self.rolling), job.clone());
        async move { unit(&rolling, &id, plan, dead.as_ref()).await }.boxed()
    }

    fn ended(&mut self, (id, plan, _): UnitJob, end: Result<End, Failure>) {
        let remaining = &mut self.done.remaining;
        match end {
            Ok(End::Clean) => {
                self.done.clean += 1;
                return;
            }
            Ok(End::Held(_, held)) => {
                self.busy.push((id, plan, held));
                return;
            }
            Ok(End::Refused) => {}
            Ok(End::Stopped) => remaining.unfinished += 1,
            Ok(End::Lost) => remaining.lost += 1,
            Err(failure) => remaining.troubled.push((id.clone(), failure)),
        }
        self.done.owners.insert(id.owner.to_string());
    }
}

/// Rolls back all units, some at once. A unit that another holds is tried again after a term.
async fn all_units<M: Migration>(
    rolling: &Arc<Rolling<M>>,
    units: BTreeMap<UnitId, UnitPlan>,
) -> Units {
    let run = &rolling.run;
    let mut rounds = Rounds {
        rolling: Arc::clone(rolling),
        waiting: units
            .into_iter()
            .map(|(id, plan)| (id, plan, None))
            .collect(),
        busy: Vec::new(),
        done: Units::default(),
    };
    run::all_units(run, &mut rounds).await;
    if !rounds.busy.is_empty() {
        run.wait(run.config.pace.lease_term).await;
        let busy = std::mem::take(&mut rounds.busy).into_iter();
        rounds.waiting = busy
            .map(|(id, plan, held)| (id, plan, Some(held)))
            .collect();
        run::all_units(run, &mut rounds).await;
    }
    for (id, _, held) in rounds.busy {
        rounds.done.owners.insert(id.owner.to_string());
        rounds.done.remaining.held.push((id, held));
    }
    rounds.done
}
