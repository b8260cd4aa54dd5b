//! One unit: lease it, begin its row anew, take its effects back, give it back.

use std::io;
use std::pin::pin;
use std::sync::Arc;

use futures::{Stream, StreamExt, TryStreamExt, stream};

use crate::engine::Migration;
use crate::engine::unit::{
    Claim, InHand, Parts, UnitEnd, Unwritten, adopted, claim, clear, keep, release, save, unsaved,
};
use crate::model::{
    Effect, Event, Failure, ItemId, Reason, Status, StepRecord, StepState, UnitId, UnitProgress,
};
use crate::runtime::Degree;
use crate::state::{Held, Reopen};

use super::UnitPlan;
use super::back::Rolling;
use super::entry::Entry;
use super::index::{Effects, Indexed, OfItem};
use super::survey::made;

/// How the rollback of a unit ended.
#[derive(Debug)]
pub(super) enum End {
    /// Nothing of what was asked for is left.
    Clean,
    /// Something could not be taken back; it is in the report.
    Refused,
    /// The rollback was stopped.
    Stopped,
    /// Another holds it.
    Held(Held),
    /// The lease was lost.
    Lost,
}

/// Rolls one unit back. `dead` is a lease that did not beat for a whole term.
pub(super) async fn unit<M: Migration>(
    rolling: &Rolling<M>,
    id: &UnitId,
    plan: UnitPlan,
    dead: Option<&Held>,
) -> End {
    let run = &rolling.run;
    if run.stop.degree() > Degree::Run {
        return End::Stopped;
    }
    let mut wanted = rolling.wanted(id);
    wanted.dead = dead.cloned().or(wanted.dead);
    let hand = match claim(run, &wanted, Reopen::Yes).await {
        Ok(Claim::InHand(hand)) => *hand,
        Ok(Claim::Done(UnitEnd::Held(held))) => return End::Held(held),
        Ok(Claim::Done(_)) => return End::Lost,
        Err(failure) => {
            rolling.refuse(id, None, None, failure);
            return End::Refused;
        }
    };
    run.events.publish(Event::UnitLeased {
        unit: id.clone(),
        counts: crate::model::Counts::default(),
        reasons: std::collections::BTreeMap::new(),
        taken_over: None,
    });
    let Some(keeper) = hand.keeper.clone() else {
        return End::Lost;
    };
    let end = {
        let mut going = std::pin::pin!(all(rolling, &hand, plan));
        tokio::select! {
            biased;
            end = &mut going => end,
            // The lease is lost: what goes on sees it and ends by itself.
            () = keep(&hand, &keeper) => going.await,
        }
    };
    put_back(rolling, &hand, end).await
}

/// Begins the row anew, so that whatever is taken back is missing to the next run. While others work
/// on parts of the unit, nothing is taken back.
async fn begin_anew<M: Migration>(rolling: &Rolling<M>, hand: &InHand<M>) -> Result<(), End> {
    let stopped = || rolling.run.stop.degree() > Degree::Run;
    let trouble = |failure| {
        if stopped() {
            return End::Stopped;
        }
        rolling.refuse(&hand.id, None, None, failure);
        End::Refused
    };
    let parts = Parts::of(hand);
    let quiet = async || match &parts {
        Some(parts) => match parts.quiet().await {
            Ok(None) => Ok(()),
            Ok(Some(held)) => Err(End::Held(held)),
            Err(failure) => Err(trouble(failure)),
        },
        None => Ok(()),
    };
    quiet().await?;
    if let Some(parts) = &parts {
        parts.fold_journals().await.map_err(trouble)?;
    }
    hand.lock().rewind(UnitProgress::roll_back);
    match save(hand).await {
        Ok(()) => {}
        Err(Unwritten::Lost) => return Err(End::Lost),
        Err(Unwritten::Trouble(error)) => return Err(trouble(error.failure())),
    }
    // Whoever took a part in between saw the unit as it was.
    quiet().await?;
    clear(hand).await.map_err(trouble)?;
    forget_failures(hand).await.map_err(trouble)
}

/// Removes the rows of items that failed: the row of the unit counts none of them any more.
async fn forget_failures<M: Migration>(hand: &InHand<M>) -> Result<(), Failure> {
    let Some(keeper) = &hand.keeper else {
        return Ok(());
    };
    for item in hand.failed_before.keys() {
        let removed = keeper.remove_failed(item).await;
        removed.map_err(|error| error.failure())?;
    }
    Ok(())
}

async fn all<M: Migration>(rolling: &Rolling<M>, hand: &InHand<M>, plan: UnitPlan) -> End {
    // First of all.
    if let Err(end) = begin_anew(rolling, hand).await {
        return end;
    }
    let at_once = rolling.run.config.concurrency.max(1) as usize;
    let items = items(rolling, &plan.effects).map(|next| async move {
        match next {
            Ok((id, made)) => item(rolling, hand, &id, made).await,
            Err(failure) => {
                rolling.refuse(&hand.context.id, None, None, failure);
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
        let asked = plan.effects.steps.contains(&step.name()) && made(&hand.progress(), &*step);
        let (End::Clean, true, Some(undo)) = (&worst, asked, step.undo()) else {
            continue;
        };
        let effect = recorded(hand, &step.name()).unwrap_or_else(|| adopted(&*step, &hand.context));
        let taken = rolling
            .take_back(hand, undo, (None, &step.name(), &effect))
            .await;
        worst = match taken {
            Ok(()) => undone(hand, &step.name(), effect),
            Err(failure) => refused(rolling, hand, None, &effect, failure),
        };
    }
    worst
}

/// What is taken back of a unit, item by item, of which a few are in memory.
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

/// Takes the effects on one item back, the latest first. Those before one that stays, stay too.
async fn item<M: Migration>(
    rolling: &Rolling<M>,
    hand: &InHand<M>,
    id: &ItemId,
    made: Vec<Entry>,
) -> End {
    let run = &rolling.run;
    let _slot = tokio::select! {
        biased;
        () = run.stop.reached(Degree::Drain) => return End::Stopped,
        () = hand.token.cancelled() => return End::Lost,
        slot = run.gate.slot() => slot,
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
        let taking = rolling.take_back(hand, undo, what);
        match hand.token.run_until_cancelled(taking).await {
            None => return End::Lost,
            Some(Ok(())) => {}
            Some(Err(failure)) => return refused(rolling, hand, Some(id), effect, failure),
        }
    }
    End::Clean
}

fn recorded<M: Migration>(hand: &InHand<M>, step: &crate::model::StepName) -> Option<Effect> {
    match hand.progress().steps.get(step)?.state.clone() {
        StepState::Applied(effect) => Some(effect),
        _ => None,
    }
}

fn undone<M: Migration>(hand: &InHand<M>, step: &crate::model::StepName, effect: Effect) -> End {
    let record = StepRecord {
        state: StepState::Undone(effect),
        at: hand.run.clock.unix_ms(),
        attempts: 0,
    };
    hand.lock().change(|progress| {
        progress.steps.insert(step.clone(), record);
    });
    End::Clean
}

fn refused<M: Migration>(
    rolling: &Rolling<M>,
    hand: &InHand<M>,
    item: Option<&ItemId>,
    effect: &Effect,
    failure: Failure,
) -> End {
    if failure.reason == Reason::LEASE_LOST {
        return End::Lost;
    }
    rolling.refuse(&hand.context.id, item, Some(effect), failure);
    End::Refused
}

/// Gives the unit back: as nobody's work when nothing is left, else as begun.
async fn put_back<M: Migration>(rolling: &Rolling<M>, hand: &InHand<M>, end: End) -> End {
    if matches!(end, End::Clean) {
        hand.lock()
            .change(|progress| progress.status = Status::Pending);
    }
    let unit = hand.context.id.clone();
    if let Err(unwritten) = release(hand).await {
        return match unsaved(hand, unwritten) {
            UnitEnd::Trouble(failure) => {
                rolling.refuse(&unit, None, None, failure);
                End::Refused
            }
            _ => End::Lost,
        };
    }
    if let Err(error) = hand.run.refresh_owner(&unit.owner).await {
        tracing::warn!(%unit, %error, "the owner's row is not up to date");
    }
    hand.run.events.publish(Event::UnitReleased { unit });
    end
}

fn worse(one: End, other: End) -> End {
    let rank = |end: &End| match end {
        End::Clean => 0,
        End::Refused => 1,
        End::Stopped => 2,
        End::Held(_) => 3,
        End::Lost => 4,
    };
    if rank(&other) > rank(&one) {
        other
    } else {
        one
    }
}
