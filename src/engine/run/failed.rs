//! Items that failed before: tried again, their rows and the counters of their units set right.

use std::collections::BTreeMap;
use std::sync::Arc;

use futures::StreamExt;
use futures::stream;

use crate::engine::Migration;
use crate::engine::item::End;
use crate::engine::shared::Shared;
use crate::engine::unit::{
    Claim, InHand, UnitEnd, claim, end, keep, release, step, unit_steps, unsaved,
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
            all.unfinished += left.unfinished;
            all.lost += left.lost;
            all.held.extend(left.held);
            all.troubled.extend(left.troubled);
            all
        })
        .await
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
    let hand = match claim(run, &Unit::new(unit.clone()), None, Reopen::Yes).await {
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
    let mut trying = std::pin::pin!(try_again(&hand, items));
    let tried = tokio::select! {
        tried = &mut trying => tried,
        () = keep(&hand, &keeper) => trying.await,
    };
    match tried {
        Ok(unfinished) => left.unfinished += unfinished,
        Err(failure) => left.troubled.push((unit.clone(), failure)),
    }
    if !put_back(&hand).await {
        left.lost += 1;
    }
    left
}

/// Tries the items; gives how many have no last word.
async fn try_again<M: Migration>(hand: &InHand<M>, items: Vec<FailedItem>) -> Result<u64, Failure> {
    let context = unit_steps_anew(hand).await?;
    let hand = &InHand {
        context,
        ..hand.clone()
    };
    let all = items.len() as u64;
    let mut tries = stream::iter(items)
        .map(|failed| async move { one(hand, &failed).await })
        .buffer_unordered(hand.run.config.concurrency.max(1) as usize);
    let mut settled = 0;
    let mut trouble = None;
    while let Some(tried) = tries.next().await {
        match tried {
            Ok(done) => settled += u64::from(done),
            Err(failure) => trouble = Some(failure),
        }
    }
    trouble.map_or(Ok(all - settled), Err)
}

/// A step of the unit that failed for good is made again, too: it may be why the items failed.
async fn unit_steps_anew<M: Migration>(
    hand: &InHand<M>,
) -> Result<crate::engine::UnitContext, Failure> {
    let done = hand.token.run_until_cancelled(unit_steps(hand)).await;
    done.unwrap_or_else(|| Err(Failure::unknown(Reason::LeaseLost, "the lease was lost")))
}

/// One item; `false` when it has no last word.
async fn one<M: Migration>(hand: &InHand<M>, failed: &FailedItem) -> Result<bool, Failure> {
    let run = &hand.run;
    let began = run.clock.moment();
    let Some(slot) = hand.admit().await else {
        return Ok(false);
    };
    run.events.publish(Event::ItemStarted {
        unit: hand.context.id.clone(),
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
    let Some(end) = end else {
        run.events.publish(Event::ItemDropped {
            unit: hand.context.id.clone(),
            item: failed.item.clone(),
        });
        return Ok(false);
    };
    hand.write_failure(&failed.item, &end, Some(failed)).await?;
    let before = (
        Settled::by_class(failed.failure.class),
        failed.failure.reason,
    );
    let reason = end.failure.as_ref().map(|failure| failure.reason);
    let mut counted = false;
    hand.lock().change(|progress| {
        counted = counts(progress, before.1);
        if counted {
            progress.recount(before, end.settled, reason);
        }
    });
    hand.tell(&failed.item, end, began, counted.then_some(before));
    Ok(true)
}

/// Whether the unit's counters hold the item: not while it is above the cursor of a unit that has
/// not ended, and then the sweep will find it as it is now.
fn counts(progress: &UnitProgress, reason: Reason) -> bool {
    progress
        .reasons
        .get(&reason)
        .is_some_and(|count| *count > 0)
}

/// Writes the unit's row and gives it back; `false` when the lease was lost.
async fn put_back<M: Migration>(hand: &InHand<M>) -> bool {
    hand.lock().change(|progress| {
        if progress.status.is_ended() {
            end(progress);
        }
    });
    if let Err(unwritten) = release(hand).await {
        unsaved(hand, unwritten);
        return false;
    }
    let UnitProgress { status, counts, .. } = hand.progress();
    let unit = hand.context.id.clone();
    if let Err(error) = hand.run.store.refresh_owner(&unit.owner).await {
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
