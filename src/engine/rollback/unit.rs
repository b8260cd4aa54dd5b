//! Rolls back one unit: leases it, restarts its row, undoes its effects, releases it.

use std::io;
use std::pin::pin;
use std::sync::Arc;

use futures::{Stream, StreamExt, TryStreamExt, stream};

use crate::engine::Migration;
use crate::engine::lease::SaveError;
use crate::engine::unit::{
    LeasedUnit, SplitUnit, UnitEnd, adopted, claim, clear, on_save_failed, release, save,
};
use crate::model::{
    Effect, Event, Failure, ItemId, Reason, Status, StepName, StepRecord, StepState, UnitId,
    UnitProgress,
};
use crate::runtime::StopLevel;
use crate::state::{LeaseHolder, Reopen};

use super::effects::{Effects, Entry, Indexed, OfItem};
use super::plan::UnitPlan;
use super::plan_undo::made;
use super::undo::{End, Rolling};

/// Rolls back one unit. `dead` is a lease whose beat did not move for a whole term.
pub(super) async fn unit<M: Migration>(
    rolling: &Rolling<M>,
    id: &UnitId,
    plan: UnitPlan,
    dead: Option<&LeaseHolder>,
) -> End {
    let run = &rolling.run;
    if run.stop.level() > StopLevel::Run {
        return End::Stopped;
    }
    let mut wanted = rolling.wanted(id);
    wanted.dead = dead.cloned().or(wanted.dead);
    let leased = match claim(run, &wanted, Reopen::Yes).await {
        Ok(leased) => leased,
        Err(UnitEnd::Held(held)) => return End::Held(id.clone(), held),
        Err(UnitEnd::Failed(failure)) => {
            rolling.refuse(id, None, None, failure);
            return End::Refused;
        }
        Err(_) => return End::Lost,
    };
    run.events.publish(Event::UnitLeased {
        unit: id.clone(),
        counts: crate::model::Counts::default(),
        reasons: std::collections::BTreeMap::new(),
        taken_over: None,
    });
    let end = leased.while_renewing(all(rolling, &leased, plan)).await;
    put_back(rolling, &leased, end).await
}

/// Restarts the row, so that the next run repeats what is undone. While others work on parts of the unit, nothing is
/// undone.
async fn restart<M: Migration>(rolling: &Rolling<M>, leased: &LeasedUnit<M>) -> Result<(), End> {
    let stopped = || rolling.run.stop.level() > StopLevel::Run;
    let trouble = |failure| {
        if stopped() {
            return End::Stopped;
        }
        rolling.refuse(&leased.id, None, None, failure);
        End::Refused
    };
    let parts = SplitUnit::of(leased);
    let quiet = async || match &parts {
        Some(parts) => match parts.quiet().await {
            Ok(None) => Ok(()),
            Ok(Some(held)) => Err(End::Held(leased.id.clone(), held)),
            Err(failure) => Err(trouble(failure)),
        },
        None => Ok(()),
    };
    quiet().await?;
    if let Some(parts) = &parts {
        parts.fold_journals().await.map_err(trouble)?;
    }
    leased.lock().rewind(UnitProgress::start_over);
    match save(leased).await {
        Ok(()) => {}
        Err(SaveError::Lost) => return Err(End::Lost),
        Err(SaveError::State(error)) => return Err(trouble(error.failure())),
    }
    // Another may have taken a part in between.
    quiet().await?;
    clear(leased).await.map_err(trouble)?;
    forget_failures(leased).await.map_err(trouble)
}

/// Removes the failure rows, because the row of the unit no longer counts them.
async fn forget_failures<M: Migration>(leased: &LeasedUnit<M>) -> Result<(), Failure> {
    let Some(lease) = &leased.lease else {
        return Ok(());
    };
    for item in leased.failed_before.keys() {
        let removed = lease.remove_failed(item).await;
        removed.map_err(|error| error.failure())?;
    }
    Ok(())
}

async fn all<M: Migration>(rolling: &Rolling<M>, leased: &LeasedUnit<M>, plan: UnitPlan) -> End {
    // Before any effect is undone.
    if let Err(end) = restart(rolling, leased).await {
        return end;
    }
    let at_once = rolling.run.config.concurrency.max(1) as usize;
    let items = items(rolling, &plan.effects).map(|next| async move {
        match next {
            Ok((id, made)) => item(rolling, leased, &id, made).await,
            Err(failure) => {
                rolling.refuse(&leased.context.id, None, None, failure);
                End::Refused
            }
        }
    });
    let mut items = pin!(items.buffer_unordered(at_once));
    let mut worst = End::Clean;
    while let Some(end) = items.next().await {
        worst = worse(worst, end);
    }
    let steps: Vec<_> = rolling
        .run
        .unit_steps
        .iter()
        .rev()
        .map(Arc::clone)
        .collect();
    for step in steps {
        let asked = plan.effects.steps.contains(&step.name()) && made(&leased.progress(), &*step);
        let (End::Clean, true, Some(undo)) = (&worst, asked, step.undo()) else {
            continue;
        };
        let effect =
            recorded(leased, &step.name()).unwrap_or_else(|| adopted(&*step, &leased.context));
        let taken = rolling
            .undo_effect(leased, undo, (None, &step.name(), &effect))
            .await;
        worst = match taken {
            Ok(()) => undone(leased, &step.name(), effect),
            Err(failure) => refused(rolling, leased, None, &effect, failure),
        };
    }
    worst
}

/// The effects to undo, item by item. Only a few are in memory.
fn items<M: Migration>(
    rolling: &Rolling<M>,
    effects: &Indexed,
) -> impl Stream<Item = Result<OfItem, Failure>> + use<M> {
    let (index, effects) = (rolling.index.clone(), effects.clone());
    let tasks = rolling.run.tasks.clone();
    let open = {
        let tasks = tasks.clone();
        async move {
            let opened = tasks.blocking(move || index.effects(&effects));
            opened.await.map_err(io::Error::other)?
        }
    };
    let batches = move |effects: Effects| {
        let tasks = tasks.clone();
        stream::try_unfold(effects, move |mut effects| {
            let tasks = tasks.clone();
            async move {
                let read = tasks.blocking(move || (effects.batch(), effects));
                let (batch, effects) = read.await.map_err(io::Error::other)?;
                let batch: Vec<OfItem> = batch?;
                let any = !batch.is_empty();
                let items = stream::iter(batch.into_iter().map(Ok::<_, io::Error>));
                Ok::<_, io::Error>(any.then_some((items, effects)))
            }
        })
    };
    let items = stream::once(open)
        .map_ok(batches)
        .try_flatten()
        .try_flatten();
    items.map_err(|error| {
        let text = format!("read what to undo: {error}");
        Failure::fatal(Reason::STATE_UNAVAILABLE, text)
    })
}

/// Undoes the effects on one item, the latest first. Stops at the first that stays.
async fn item<M: Migration>(
    rolling: &Rolling<M>,
    leased: &LeasedUnit<M>,
    id: &ItemId,
    made: Vec<Entry>,
) -> End {
    let run = &rolling.run;
    let _slot = tokio::select! {
        biased;
        () = run.stop.reached(StopLevel::Drain) => return End::Stopped,
        () = leased.token.cancelled() => return End::Lost,
        slot = run.admission.slot() => slot,
    };
    for made in made {
        let step = run.steps.iter().find(|step| step.name() == made.step);
        let Some(undo) = step.and_then(|step| step.undo()) else {
            continue;
        };
        let Some(effect) = &made.effect else {
            continue;
        };
        let what = (Some(id), &made.step, effect);
        let taking = rolling.undo_effect(leased, undo, what);
        match leased.token.run_until_cancelled(taking).await {
            None => return End::Lost,
            Some(Ok(())) => {}
            Some(Err(failure)) => return refused(rolling, leased, Some(id), effect, failure),
        }
    }
    End::Clean
}

fn recorded<M: Migration>(leased: &LeasedUnit<M>, step: &StepName) -> Option<Effect> {
    match leased.progress().steps.get(step)?.state.clone() {
        StepState::Applied(effect) => Some(effect),
        _ => None,
    }
}

fn undone<M: Migration>(leased: &LeasedUnit<M>, step: &StepName, effect: Effect) -> End {
    let record = StepRecord {
        state: StepState::Undone(effect),
        at: leased.run.clock.now(),
        attempts: 0,
    };
    leased.lock().change(|progress| {
        progress.steps.insert(step.clone(), record);
    });
    End::Clean
}

fn refused<M: Migration>(
    rolling: &Rolling<M>,
    leased: &LeasedUnit<M>,
    item: Option<&ItemId>,
    effect: &Effect,
    failure: Failure,
) -> End {
    if failure.reason == Reason::LEASE_LOST {
        return End::Lost;
    }
    rolling.refuse(&leased.context.id, item, Some(effect), failure);
    End::Refused
}

/// Releases the unit: as pending if nothing is left, else as in progress.
async fn put_back<M: Migration>(rolling: &Rolling<M>, leased: &LeasedUnit<M>, end: End) -> End {
    if matches!(end, End::Clean) {
        leased
            .lock()
            .change(|progress| progress.status = Status::Pending);
    }
    let unit = leased.context.id.clone();
    if let Err(save_error) = release(leased).await {
        return match on_save_failed(leased, save_error) {
            UnitEnd::Failed(failure) => {
                rolling.refuse(&unit, None, None, failure);
                End::Refused
            }
            _ => End::Lost,
        };
    }
    if let Err(error) = leased.run.refresh_owner(&unit.owner).await {
        tracing::warn!(%unit, %error, "the owner's row is not up to date");
    }
    leased.run.events.publish(Event::UnitReleased { unit });
    end
}

fn worse(one: End, other: End) -> End {
    let rank = |end: &End| match end {
        End::Clean => 0,
        End::Refused => 1,
        End::Stopped => 2,
        End::Held(..) => 3,
        End::Lost => 4,
    };
    if rank(&other) > rank(&one) {
        other
    } else {
        one
    }
}
