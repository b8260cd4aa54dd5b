//! Runs a rollback over its units, then over the owners that are wholly asked for.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;

use futures::StreamExt;
use futures::stream;

use crate::engine::holders::held_by;
use crate::engine::run::{helpers, report, write_files};
use crate::engine::shared::Shared;
use crate::engine::{Config, Ended, Error, Migration, Parts, StepFilter};
use crate::model::{Event, UnitId};
use crate::runtime::{Degree, Moment};
use crate::state::Held;

use super::back::{Refused, Rolling};
use super::owner::{OwnerEnd, owner};
use super::plan::{Plan, Survey, UnitPlan};
use super::unit::{End, unit};

/// The file of result lines, after the instance's name; a rollback writes none.
const RESULTS: &str = "results.ndjson";

/// What a rollback came to.
#[derive(Debug, Clone)]
pub struct RolledBack {
    /// How it ended.
    pub ended: Ended,
    /// Effects that were taken back, by kind.
    pub undone: BTreeMap<String, u64>,
    /// Effects that were gone already, or whose making had not come to pass.
    pub gone: u64,
    /// Effects that made what others still need.
    pub kept: u64,
    /// Units of which nothing is left to take back.
    pub units: u64,
    /// Effects that could not be taken back.
    pub failed: u64,
    /// The first of them.
    pub first: Vec<Refused>,
    /// Units that others hold, with their holders.
    pub held: Vec<(UnitId, Held)>,
    /// Files that it wrote.
    pub files: Vec<PathBuf>,
}

/// What was left over.
#[derive(Debug, Default)]
struct Left {
    clean: u64,
    stopped: u64,
    lost: u64,
    held: Vec<(UnitId, Held)>,
    /// Owners of units that are not clean.
    owners: BTreeSet<String>,
}

/// Takes back what a survey found, and returns when everything is written. Dropping the future ends
/// it as a crash would; the next survey finds what is left.
pub async fn rollback<M: Migration>(
    parts: Parts<M>,
    config: Config,
    survey: Survey,
) -> Result<RolledBack, Error> {
    let run = Shared::open(&parts, settings(config), RESULTS).await?;
    skip_lost_lines(&run, &survey);
    let effects = survey.to_undo();
    let Plan {
        units,
        owners,
        told,
        incomplete: _,
        dead,
        things,
        index,
    } = survey.plan;
    announce(&run, units.len() as u64, effects);
    let background = helpers(&run, parts.dependencies.clone()).await;
    let rolling = Rolling::new(Arc::clone(&run), (index, things), dead);
    let mut left = all_units(&rolling, units.into_iter().collect()).await;
    all_owners(&rolling, owners, &mut left).await;
    bring_up(&run, told).await;
    drop(background);
    run.events.publish(Event::RunEnded);
    write_files(&run).await?;
    report(&run).await;
    let tally = rolling.tally();
    Ok(RolledBack {
        ended: ended(&run, &left).await,
        undone: tally.undone,
        gone: tally.gone,
        kept: tally.kept,
        units: left.clean,
        failed: tally.failed,
        first: tally.first,
        held: left.held,
        files: run.files.paths(),
    })
}

/// A rollback has all steps and no share of its own that an earlier process could have left.
fn settings(config: Config) -> Config {
    Config {
        steps: StepFilter::All,
        adopt_own: false,
        drains: false,
        limit: None,
        ..config
    }
}

fn announce<M: Migration>(run: &Shared<M>, units: u64, effects: u64) {
    run.events.publish(Event::RunStarted {
        run: run.config.run.clone(),
        instance: run.config.instance.clone(),
        migration: run.migration.name(),
        plan: run.config.plan.clone(),
        units,
        planned: 0,
        asked: None,
    });
    run.events.publish(Event::UndoPlanned { effects });
}

/// Lines that the journal of this instance had and lost are to be missed by the next survey, too: their numbers are not
/// used again.
fn skip_lost_lines<M: Migration>(run: &Shared<M>, survey: &Survey) {
    let own = run.config.journal();
    for missing in survey.missing.iter().filter(|one| one.journal == own) {
        run.files.journal_had(missing.written);
    }
}

/// What was made for owners of whose units nothing is left to take back.
async fn all_owners<M: Migration>(rolling: &Rolling<M>, owners: BTreeSet<String>, left: &mut Left) {
    for name in owners {
        if left.owners.contains(&name) {
            continue;
        }
        match owner(rolling, &name).await {
            OwnerEnd::Clean | OwnerEnd::Refused => {}
            OwnerEnd::Stopped => left.stopped += 1,
            OwnerEnd::Held(unit, held) => left.held.push((unit, held)),
        }
    }
}

/// Brings the rows of owners in step with their units.
async fn bring_up<M: Migration>(run: &Shared<M>, owners: BTreeSet<String>) {
    for owner in owners {
        if let Err(error) = run.refresh_owner(&owner).await {
            tracing::warn!(owner, %error, "the owner's row is not up to date");
        }
    }
}

/// All units, some at once. One that another holds gets a second chance after a term, if its holder
/// did not beat since.
async fn all_units<M: Migration>(rolling: &Rolling<M>, units: Vec<(UnitId, UnitPlan)>) -> Left {
    let mut left = Left::default();
    let busy = pass(
        rolling,
        units
            .into_iter()
            .map(|(id, plan)| (id, plan, None))
            .collect(),
        &mut left,
    )
    .await;
    if busy.is_empty() {
        return left;
    }
    let seen = Moment::now();
    tokio::select! {
        biased;
        () = tokio::time::sleep_until(seen + rolling.run.config.pace.lease_term) => {}
        () = rolling.run.stop.reached(Degree::Drain) => {}
    }
    let again = busy
        .into_iter()
        .map(|(id, plan, held)| (id, plan, Some(held)))
        .collect();
    for (id, _, held) in pass(rolling, again, &mut left).await {
        left.owners.insert(id.owner.to_string());
        left.held.push((id, held));
    }
    left
}

/// Gives the units that others hold.
async fn pass<M: Migration>(
    rolling: &Rolling<M>,
    units: Vec<(UnitId, UnitPlan, Option<Held>)>,
    left: &mut Left,
) -> Vec<(UnitId, UnitPlan, Held)> {
    let at_once = rolling.run.config.units_at_once.max(1) as usize;
    let mut going = stream::iter(units)
        .map(|(id, plan, dead)| async move {
            let end = unit(rolling, &id, plan.clone(), dead.as_ref()).await;
            (id, plan, end)
        })
        .buffer_unordered(at_once);
    let mut busy = Vec::new();
    while let Some((id, plan, end)) = going.next().await {
        match end {
            End::Clean => {
                left.clean += 1;
                continue;
            }
            End::Refused => {}
            End::Stopped => left.stopped += 1,
            End::Lost => left.lost += 1,
            End::Held(held) => {
                busy.push((id, plan, held));
                continue;
            }
        }
        left.owners.insert(id.owner.to_string());
    }
    busy
}

/// The worst that holds.
async fn ended<M: Migration>(run: &Shared<M>, left: &Left) -> Ended {
    if let Some(failure) = run.fatal() {
        return Ended::Fatal(failure);
    }
    if let Some(reason) = run.health.broken() {
        return Ended::Safety { reason };
    }
    if left.stopped > 0 {
        return Ended::Stopped {
            reason: run.stop.reason().unwrap_or("on request").to_owned(),
            aborted: run.stop.degree() >= Degree::Abort,
        };
    }
    if let Some(reason) = held_by(&run.store, &run.config, &left.held).await {
        return Ended::Held { reason };
    }
    if left.lost > 0 {
        let reason = format!("the leases of {} units were lost", left.lost);
        return Ended::Held { reason };
    }
    Ended::Finished
}
