//! Undoes effects on an owner, while all units of the owner are leased.

use std::sync::Arc;

use futures::future::{join_all, select_all};

use crate::engine::unit::{LeasedUnit, UnitEnd, claim, release};
use crate::engine::{Migration, OwnerEffects};
use crate::model::{Effect, Event, Failure, Reason, Undo, UnitId};
use crate::runtime::StopLevel;
use crate::state::{LeaseHolder, ProgressRow, Reopen};

use super::undo::{End, Rolling};

/// Undoes the effects on an owner.
pub(super) async fn owner<M: Migration>(rolling: &Rolling<M>, owner: &str) -> End {
    let run = &rolling.run;
    let migration = Arc::clone(&run.migration);
    let Some(effects) = migration.owner_effects() else {
        return End::Clean;
    };
    if run.stop.level() > StopLevel::Run {
        return End::Stopped;
    }
    match reversible(effects, owner).await {
        Ok(standing) if standing.is_empty() => return End::Clean,
        Ok(_) => {}
        Err(failure) => return refuse(rolling, owner, None, failure),
    }
    let mut all_leased = Vec::new();
    let end = match claim_all(rolling, owner, &mut all_leased).await {
        Some(end) => end,
        None => held(rolling, effects, owner, &all_leased).await,
    };
    for released in join_all(all_leased.iter().map(release)).await {
        if released.is_err() {
            tracing::warn!(%owner, "a unit was not released; its lease will expire");
        }
    }
    end
}

/// Leases every unit of the owner. Returns the end if one could not be leased. Holders have a term to show that they
/// are alive.
async fn claim_all<M: Migration>(
    rolling: &Rolling<M>,
    owner: &str,
    all_leased: &mut Vec<LeasedUnit<M>>,
) -> Option<End> {
    let run = &rolling.run;
    let rows = match run.store.progress_of(owner).await {
        Ok(rows) => rows,
        Err(error) => return Some(refuse(rolling, owner, None, error.failure())),
    };
    let held_by = |row: &ProgressRow| row.lease.clone().map(LeaseHolder::from);
    // No lease is held yet that would have to be renewed meanwhile.
    if rows.iter().any(|row| row.lease.is_some()) {
        tokio::select! {
            biased;
            () = run.stop.reached(StopLevel::Drain) => return Some(End::Stopped),
            () = tokio::time::sleep(run.config.pace.lease_term) => {}
        }
    }
    for row in rows {
        let dead = held_by(&row);
        let unit = row.progress.unit;
        let mut wanted = rolling.wanted(&unit);
        wanted.dead = dead.or(wanted.dead);
        match claim(run, &wanted, Reopen::Yes).await {
            Ok(leased) => all_leased.push(leased),
            Err(UnitEnd::Held(held)) => return Some(End::Held(unit, held)),
            Err(UnitEnd::Failed(failure)) => return Some(refuse(rolling, owner, None, failure)),
            Err(_) => return Some(End::Refused),
        }
    }
    None
}

/// Undoes the effects while all leases are renewed.
async fn held<M: Migration>(
    rolling: &Rolling<M>,
    effects: &dyn OwnerEffects,
    owner: &str,
    all_leased: &[LeasedUnit<M>],
) -> End {
    let keeping = all_leased.iter().filter_map(|leased| {
        let lease = leased.lease.clone()?;
        Some(Box::pin(
            async move { leased.renew_until_lost(&lease).await },
        ))
    });
    let keeping: Vec<_> = keeping.collect();
    let lost = async {
        if keeping.is_empty() {
            std::future::pending::<()>().await;
        } else {
            select_all(keeping).await;
        }
    };
    tokio::select! {
        biased;
        end = undo_effects(rolling, effects, owner, all_leased) => end,
        () = lost => refuse(rolling, owner, None, lost_lease(owner)),
    }
}

fn lost_lease(owner: &str) -> Failure {
    Failure::unknown(Reason::LEASE_LOST, format!("a lease of {owner} was lost"))
}

fn refuse<M: Migration>(
    rolling: &Rolling<M>,
    owner: &str,
    effect: Option<&Effect>,
    failure: Failure,
) -> End {
    rolling.refuse(&UnitId::new(owner, ""), None, effect, failure);
    End::Refused
}

async fn reversible(effects: &dyn OwnerEffects, owner: &str) -> Result<Vec<Effect>, Failure> {
    let mut standing = effects.existing(owner).await?;
    standing.retain(|effect| effect.undo == Undo::Possible);
    Ok(standing)
}

async fn undo_effects<M: Migration>(
    rolling: &Rolling<M>,
    effects: &dyn OwnerEffects,
    owner: &str,
    all_leased: &[LeasedUnit<M>],
) -> End {
    loop {
        // Probed again after each of them.
        let last = match reversible(effects, owner).await {
            Ok(mut standing) => standing.pop(),
            Err(failure) => return refuse(rolling, owner, None, failure),
        };
        let Some(effect) = last else {
            return End::Clean;
        };
        if rolling.run.stop.level() > StopLevel::Run {
            return End::Stopped;
        }
        let trusted =
            |leased: &LeasedUnit<M>| leased.lease.as_ref().is_some_and(|one| one.is_trusted());
        if !all_leased.iter().all(trusted) {
            return refuse(rolling, owner, Some(&effect), lost_lease(owner));
        }
        if let Err(failure) = once(effects, owner, &effect).await {
            return refuse(rolling, owner, Some(&effect), failure);
        }
        rolling.count_undone(&effect);
        rolling.run.events.publish(Event::EffectSettled);
    }
}

async fn once(effects: &dyn OwnerEffects, owner: &str, effect: &Effect) -> Result<(), Failure> {
    effects.undo(owner, effect).await?;
    if reversible(effects, owner).await?.contains(effect) {
        let text = format!("{} {} is still there", effect.kind, effect.subject);
        return Err(Failure::unknown(Reason::NOT_VISIBLE_YET, text));
    }
    Ok(())
}
