//! Runs a rollback over its units, then over the owners that are wholly asked for.

use std::collections::BTreeSet;
use std::sync::Arc;

use futures::StreamExt;
use futures::stream;

use crate::engine::run::{helpers, report, write_files};
use crate::engine::shared::Shared;
use crate::engine::{Config, Ended, Error, Migration, Parts, StepFilter};
use crate::model::{Event, InstanceId, UnitId};
use crate::runtime::{Degree, Moment};
use crate::state::Held;

use super::back::Rolling;
use super::owner::{OwnerEnd, owner};
use super::unit::{End, unit};
use super::{Plan, RolledBack, Survey, UnitPlan};

/// The file of result lines, after the instance's name; a rollback writes none.
const RESULTS: &str = "results.ndjson";

/// What was left over.
#[derive(Debug, Default)]
struct Left {
    clean: u64,
    stopped: u64,
    lost: u64,
    held: Vec<(UnitId, InstanceId)>,
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
    let config = Config {
        steps: StepFilter::All,
        limit: None,
        ..config
    };
    let run = Shared::open(&parts, config, RESULTS).await?;
    let Survey {
        plan, unaccounted, ..
    } = survey;
    let Plan {
        units,
        owners,
        told,
        holders,
    } = plan;
    run.events.publish(Event::RunStarted {
        run: run.config.run.clone(),
        instance: run.config.instance.clone(),
        migration: run.migration.name(),
        plan: run.config.plan.clone(),
        units: units.len() as u64,
        planned: 0,
        asked: None,
    });
    let background = helpers(&run, parts.dependencies.clone()).await;
    let rolling = Rolling::new(Arc::clone(&run), holders);
    let mut left = all_units(&rolling, units.into_iter().collect()).await;
    left.owners
        .extend(unaccounted.iter().map(|(unit, _)| unit.owner.to_string()));
    for name in owners
        .iter()
        .filter(|name| !left.owners.contains(*name))
        .cloned()
        .collect::<Vec<_>>()
    {
        match owner(&rolling, &name).await {
            OwnerEnd::Clean | OwnerEnd::Refused => {}
            OwnerEnd::Stopped => left.stopped += 1,
            OwnerEnd::Held(unit, held) => left.held.push((unit, held.holder)),
        }
    }
    bring_up(&run, told).await;
    drop(background);
    run.events.publish(Event::RunEnded);
    write_files(&run).await?;
    report(&run).await;
    let tally = rolling.tally();
    Ok(RolledBack {
        ended: ended(&run, &left),
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

/// Brings the rows of owners in step with their units.
async fn bring_up<M: Migration>(run: &Shared<M>, owners: BTreeSet<String>) {
    for owner in owners {
        if let Err(error) = run.store.refresh_owner(&owner).await {
            tracing::warn!(owner, %error, "the customer's row is not up to date");
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
        left.held.push((id, held.holder));
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
fn ended<M: Migration>(run: &Shared<M>, left: &Left) -> Ended {
    if let Some(failure) = run.fatal() {
        return Ended::Fatal(failure);
    }
    if let Some(reason) = run.health.broken() {
        return Ended::Safety { reason };
    }
    if left.stopped > 0 {
        return Ended::Stopped {
            reason: run.stop.reason().unwrap_or("asked to").to_owned(),
            aborted: run.stop.degree() >= Degree::Abort,
        };
    }
    if let Some((unit, holder)) = left.held.first() {
        let more = left.held.len() - 1;
        let reason = format!("{unit} is held by instance {holder} (and {more} more)");
        return Ended::Held { reason };
    }
    if left.lost > 0 {
        let reason = format!("the leases of {} units were lost", left.lost);
        return Ended::Held { reason };
    }
    Ended::Finished
}
