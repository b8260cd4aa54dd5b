//! Refuses a rollback while others work on its units.

use std::collections::{BTreeMap, BTreeSet};

use futures::future::try_join_all;

use crate::engine::holders::{held_by, names};
use crate::engine::{Config, EngineError, Migration, RunParts};
use crate::model::{Epoch, Holder, InstanceId, RunId, UnitId, UnixMillis};
use crate::runtime::{Instant, StopLevel};
use crate::state::LeaseHolder;

use super::plan::UndoPlan;

/// States of inactive instances.
const AT_REST: [&str; 2] = ["ended", "assigned"];

/// Others work on what is to be rolled back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Busy {
    /// Who, in words: instance, machine, run.
    pub who: String,
    /// Their numbers.
    pub instances: BTreeSet<InstanceId>,
}

/// Signs of life: the leases of units, and the reports of instances.
type Reports = BTreeMap<(Holder, RunId), UnixMillis>;

/// Watches for a whole term whether holders of the units, or instances with a share in them, are alive: whether their
/// beats move. Returns at once if there are none. The rollback takes over leases whose beat did not move.
///
/// # Errors
/// Those of the shared state.
pub async fn watch_others<M: Migration>(
    parts: &RunParts<M>,
    config: &Config,
    undo_plan: &mut UndoPlan,
) -> Result<Option<Busy>, EngineError> {
    let leased = std::mem::take(&mut undo_plan.leased);
    let reported = reports(parts, config, undo_plan).await?;
    let (term, began) = (config.pace.lease_term, Instant::now());
    while !(leased.is_empty() && reported.is_empty()) && began.elapsed() < term {
        tokio::select! {
            biased;
            () = parts.stop.reached(StopLevel::Drain) => return Ok(None),
            () = tokio::time::sleep(term / 6) => {}
        }
        let alive = alive(parts, &leased).await?;
        if let Some(who) = held_by(&parts.store, config, &alive).await {
            let instances = alive.into_iter().map(|(_, held)| held.holder.instance);
            let instances = instances.collect();
            return Ok(Some(Busy { who, instances }));
        }
        let now = reports(parts, config, undo_plan).await?;
        let moved = now
            .into_iter()
            .filter(|(who, at)| reported.get(who) != Some(at));
        let moved: Vec<LeaseHolder> = moved.map(|((holder, run), _)| held(holder, run)).collect();
        if !moved.is_empty() {
            let who = names(&parts.store, config, &moved).await;
            let instances = moved.into_iter().map(|held| held.holder.instance);
            return Ok(Some(Busy {
                who: format!("{who} runs and has a share in it"),
                instances: instances.collect(),
            }));
        }
    }
    undo_plan.plan.dead = leased;
    Ok(None)
}

/// A holder without a known lease.
fn held(holder: Holder, run: RunId) -> LeaseHolder {
    LeaseHolder {
        holder,
        run,
        epoch: Epoch::default(),
        beat: 0,
    }
}

/// Leases that changed.
async fn alive<M: Migration>(
    parts: &RunParts<M>,
    before: &BTreeMap<UnitId, LeaseHolder>,
) -> Result<Vec<(UnitId, LeaseHolder)>, EngineError> {
    let reading = before
        .keys()
        .map(|unit| async move { parts.store.progress_row(unit).await });
    let rows = try_join_all(reading).await.map_err(EngineError::State)?;
    let leases = rows.into_iter().flatten().filter_map(|row| row.lease);
    let now = leases.map(|lease| (lease.unit.clone(), LeaseHolder::from(lease)));
    Ok(now
        .filter(|(unit, held)| before.get(unit) != Some(held))
        .collect())
}

/// The last reports of active instances with a share in the units. An earlier process of this folder is dead, because
/// this process has its lock.
async fn reports<M: Migration>(
    parts: &RunParts<M>,
    config: &Config,
    undo_plan: &UndoPlan,
) -> Result<Reports, EngineError> {
    let own = config.holder();
    let fleet = parts.store.fleet().await.map_err(EngineError::State)?;
    let others = fleet.into_iter().filter(|report| {
        undo_plan.shares.contains(&report.instance)
            && !AT_REST.contains(&report.state.as_str())
            && !report.holder().is_same(&own)
    });
    let beat = others.map(|report| {
        let who = (report.holder(), report.run.clone());
        (who, report.heartbeat_at)
    });
    Ok(beat.collect())
}
