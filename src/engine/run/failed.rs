//! Items that failed before: tried again, their rows and the counters of their units set right.

use std::collections::BTreeMap;
use std::sync::Arc;

use futures::future::BoxFuture;
use futures::{FutureExt, StreamExt, stream};

use crate::engine::Migration;
use crate::engine::item::End;
use crate::engine::shared::Shared;
use crate::engine::unit::{
    Claim, InHand, Parts, UnitEnd, Unwritten, Wanted, claim, end, keep, release, save, step,
    unit_steps, unsaved,
};
use crate::model::{Event, FailedItem, Failure, Reason, Settled, Unit, UnitId, UnitProgress};
use crate::runtime::Degree;
use crate::state::Reopen;

use super::start::Left;

/// Tries failed items again.
pub(super) async fn failed<M: Migration>(run: &Arc<Shared<M>>, wanted: Vec<FailedItem>) -> Left {
    let mut of_unit: BTreeMap<UnitId, Vec<FailedItem>> = BTreeMap::new();
    for failed in wanted {
        of_unit.entry(failed.unit.clone()).or_default().push(failed);
    }
    let units = run.config.units_at_once.max(1) as usize;
    stream::iter(of_unit)
        .map(|(unit, items)| of_one_unit(run, unit, items))
        .buffer_unordered(units)
        .fold(Left::default(), async |mut all, left: Left| {
            all.add(left);
            all
        })
        .await
}

/// A part is like a unit.
fn of_one_part<M: Migration>(
    run: &Arc<Shared<M>>,
    part: UnitId,
    items: Vec<FailedItem>,
) -> BoxFuture<'_, Left> {
    of_one_unit(run, part, items).boxed()
}

/// Tries items again under the lease of their unit, or of the parts that they lie in.
async fn try_all<M: Migration>(hand: &InHand<M>, items: Vec<FailedItem>) -> Result<Left, Failure> {
    let mut left = Left::default();
    let Some(parts) = Parts::of(hand) else {
        left.unfinished = try_again(hand, as_they_are(hand, items)).await?;
        return Ok(left);
    };
    unit_steps_anew(hand).await?;
    parts.fold(&parts.rows().await?, None);
    let mut of_part: BTreeMap<UnitId, Vec<FailedItem>> = BTreeMap::new();
    for failed in items {
        match parts.part_of(&failed.item) {
            Some(part) => of_part.entry(part).or_default().push(failed),
            None => left.unfinished += 1,
        }
    }
    for (part, items) in of_part {
        left.add(of_one_part(&hand.run, part, items).await);
    }
    parts.fold(&parts.rows().await?, None);
    Ok(left)
}

async fn of_one_unit<M: Migration>(
    run: &Arc<Shared<M>>,
    unit: UnitId,
    items: Vec<FailedItem>,
) -> Left {
    let mut left = Left::default();
    if run.stop.degree() > Degree::Run || run.gate.limit_reached() {
        left.unfinished += items.len() as u64;
        return left;
    }
    let wanted = Wanted::own(Unit::new(unit.clone()));
    let hand = match claim_patiently(run, &wanted).await {
        Ok(Claim::InHand(hand)) => *hand,
        Ok(Claim::Done(UnitEnd::Held(held))) => {
            left.held.push((unit, held.holder));
            return left;
        }
        Ok(Claim::Done(_)) => return left,
        Err(failure) => {
            left.troubled.push((unit, failure));
            return left;
        }
    };
    let before = hand.progress();
    run.events.publish(Event::UnitLeased {
        unit: before.unit,
        counts: before.counts,
        reasons: before.reasons,
        taken_over: before.taken_over,
    });
    let Some(keeper) = hand.keeper.clone() else {
        return left;
    };
    let mut trying = std::pin::pin!(try_all(&hand, items));
    let tried = tokio::select! {
        biased;
        tried = &mut trying => tried,
        () = keep(&hand, &keeper) => trying.await,
    };
    match tried {
        Ok(of_items) => left.add(of_items),
        Err(failure) => left.troubled.push((unit.clone(), failure)),
    }
    if hand.progress().status.is_ended()
        && let Err(failure) = hand.recount().await
    {
        left.troubled.push((unit, failure));
    }
    if !put_back(&hand).await {
        left.lost += 1;
    }
    left
}

/// Asks for the unit; a holder that does not beat for a whole term is dead.
async fn claim_patiently<M: Migration>(
    run: &Arc<Shared<M>>,
    wanted: &Wanted,
) -> Result<Claim<M>, Failure> {
    let claimed = claim(run, wanted, Reopen::Yes).await?;
    let Claim::Done(UnitEnd::Held(held)) = claimed else {
        return Ok(claimed);
    };
    tokio::select! {
        biased;
        () = run.stop.reached(Degree::Drain) => return Ok(Claim::Done(UnitEnd::Held(held))),
        () = tokio::time::sleep(run.config.pace.lease_term) => {}
    }
    let wanted = Wanted {
        dead: Some(held),
        ..wanted.clone()
    };
    claim(run, &wanted, Reopen::Yes).await
}

/// The items as their rows say now: another retry may have come in between, and the counters hold what it found.
fn as_they_are<M: Migration>(hand: &InHand<M>, items: Vec<FailedItem>) -> Vec<FailedItem> {
    let now = |item: FailedItem| hand.failed_before.get(&item.item).cloned().unwrap_or(item);
    items.into_iter().map(now).collect()
}

/// What became of an item.
enum Tried {
    /// It has no last word.
    Open,
    /// It is bad again, and its row says so.
    Bad,
    /// It is good; its row is still there.
    Good,
}

/// Tries the items; gives how many have no last word.
async fn try_again<M: Migration>(
    hand: &InHand<M>,
    mut items: Vec<FailedItem>,
) -> Result<u64, Failure> {
    let context = unit_steps_anew(hand).await?;
    let hand = &InHand {
        context,
        ..hand.clone()
    };
    let at_once = usize::try_from(hand.run.config.pace.checkpoint_items).unwrap_or(usize::MAX);
    let (mut open, mut trouble) = (0, None);
    while !items.is_empty() {
        let rest = items.split_off(at_once.clamp(1, items.len()));
        let (still_open, failure) = some(hand, items).await?;
        open += still_open;
        trouble = trouble.or(failure);
        items = rest;
    }
    trouble.map_or(Ok(open), Err)
}

/// Tries some items and writes down what became of them: bad ones have their rows anew, then the counters are written,
/// with the status they mean, then the rows of good ones go. After a crash in between, rows are left that another retry finds good.
async fn some<M: Migration>(
    hand: &InHand<M>,
    items: Vec<FailedItem>,
) -> Result<(u64, Option<Failure>), Failure> {
    let mut tries = stream::iter(items)
        .map(|failed| async move { (one(hand, &failed).await, failed.item) })
        .buffer_unordered(hand.run.config.concurrency.max(1) as usize);
    let (mut open, mut good, mut trouble) = (0, Vec::new(), None);
    while let Some((tried, item)) = tries.next().await {
        match tried {
            Ok(Tried::Open) => open += 1,
            Ok(Tried::Bad) => {}
            Ok(Tried::Good) => good.push(item),
            Err(failure) => trouble = Some(failure),
        }
    }
    if good.is_empty() {
        return Ok((open, trouble));
    }
    end_again(hand);
    save(hand).await.map_err(|unwritten| match unwritten {
        Unwritten::Lost => Failure::unknown(Reason::LeaseLost, "another holds the lease"),
        Unwritten::Trouble(error) => error.failure(),
    })?;
    for item in good {
        let removed = hand.run.store.remove_failed(&hand.context.id, &item).await;
        removed.map_err(|error| error.failure())?;
    }
    Ok((open, trouble))
}

/// A step of the unit that failed for good is made again, too: it may be why the items failed.
async fn unit_steps_anew<M: Migration>(
    hand: &InHand<M>,
) -> Result<crate::engine::UnitContext, Failure> {
    let done = hand.token.run_until_cancelled(unit_steps(hand)).await;
    done.unwrap_or_else(|| Err(Failure::unknown(Reason::LeaseLost, "the lease was lost")))
}

/// One item.
async fn one<M: Migration>(hand: &InHand<M>, failed: &FailedItem) -> Result<Tried, Failure> {
    let run = &hand.run;
    let began = run.clock.moment();
    let Some(slot) = hand.admit().await else {
        return Ok(Tried::Open);
    };
    run.events.publish(Event::ItemStarted {
        unit: hand.id.clone(),
        item: failed.item.clone(),
    });
    let end = match run.migration.item(&hand.context, &failed.item).await {
        Ok(item) => step(hand, &failed.item, &item, slot).await,
        // It was removed from the source since: there is nothing to migrate.
        Err(failure) if failure.reason == Reason::NotFound => Some(End {
            settled: Settled::Skipped,
            failure: None,
            attempts: 1,
        }),
        Err(failure) => Some(End {
            settled: Settled::by_class(failure.class),
            failure: Some(failure),
            attempts: 1,
        }),
    };
    let dropped = || {
        run.events.publish(Event::ItemDropped {
            unit: hand.id.clone(),
            item: failed.item.clone(),
        });
    };
    let Some(end) = end else {
        dropped();
        return Ok(Tried::Open);
    };
    let is_good = end.failure.is_none();
    if !is_good && let Err(failure) = hand.write_failure(&failed.item, &end, Some(failed)).await {
        dropped();
        return Err(failure);
    }
    let before = (
        Settled::by_class(failed.failure.class),
        failed.failure.reason,
    );
    let reason = end.failure.as_ref().map(|failure| failure.reason);
    let now = (end.settled, reason);
    let counted = hand.lock().retried(&failed.item, before, now);
    hand.tell(&failed.item, end, began, counted.then_some(before));
    Ok(if is_good { Tried::Good } else { Tried::Bad })
}

/// Brings the status of a unit that has ended in step with its counters.
fn end_again<M: Migration>(hand: &InHand<M>) {
    hand.lock().change(|progress| {
        if progress.status.is_ended() {
            end(progress);
        }
    });
}

/// Writes the unit's row and gives it back; `false` when the lease was lost.
async fn put_back<M: Migration>(hand: &InHand<M>) -> bool {
    end_again(hand);
    if let Err(unwritten) = release(hand).await {
        unsaved(hand, unwritten);
        return false;
    }
    let UnitProgress { status, counts, .. } = hand.progress();
    let unit = hand.id.clone();
    if unit.part.is_none()
        && let Err(error) = hand.run.store.refresh_owner(&unit.owner).await
    {
        tracing::warn!(%unit, %error, "the customer's row is not up to date");
    }
    hand.run.events.publish(if status.is_ended() {
        Event::UnitSettled {
            unit,
            status,
            counts,
            announced: 0,
        }
    } else {
        Event::UnitReleased { unit }
    });
    true
}
