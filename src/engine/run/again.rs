//! One piece of items, tried again: what became of them is written down with the counters of their unit.

use futures::{StreamExt, stream};

use crate::engine::item::End;
use crate::engine::unit::{Before, InHand, Unwritten, end, save, step, unit_steps};
use crate::engine::{Depth, Migration, UnitContext};
use crate::model::{Event, FailedItem, Failure, ItemId, Reason, Settled};

use super::start::Left;

/// Which items of a piece are tried, and how.
#[derive(Debug, Clone, Copy)]
pub(super) struct Which {
    /// Also those that have no row, as far as anybody knows good: then steps of the unit are looked at again, too.
    pub(super) without_rows: bool,
    /// Whether the counters of the unit are held against all of its rows.
    pub(super) recount: bool,
}

/// What became of an item.
enum Tried {
    /// It has no last word.
    Open,
    /// It is bad again, and its row says so.
    Bad(Settled, Reason),
    /// It is good; its row is still there, if it had one.
    Good(Settled, Option<ItemId>),
    /// Another made it good meanwhile.
    GoodAlready,
    /// So many are kept back by a cause of the unit that is still there.
    KeptBack(Settled, Reason, u64),
}

/// Tries the items.
pub(super) async fn try_again<M: Migration>(
    hand: &InHand<M>,
    mut items: Vec<ItemId>,
    which: Which,
) -> Result<Left, Failure> {
    let context = unit_steps_anew(hand, which).await?;
    let hand = &InHand {
        context,
        ..hand.clone()
    };
    let at_once = usize::try_from(hand.run.config.pace.checkpoint_items).unwrap_or(usize::MAX);
    let (mut left, mut trouble) = (Left::default(), None);
    left.retried.planned = items.len() as u64;
    while !items.is_empty() {
        let rest = items.split_off(at_once.clamp(1, items.len()));
        let failure = some(hand, items, which, &mut left).await?;
        trouble = trouble.or(failure);
        items = rest;
    }
    if let Some(failure) = trouble {
        left.troubled.push((hand.id.clone(), failure));
    }
    Ok(left)
}

/// Tries some items and writes down what became of them: bad ones have their rows anew, then the counters are written,
/// with the status they mean, then the rows of good ones go. After a crash in between, rows are left that another retry finds good.
async fn some<M: Migration>(
    hand: &InHand<M>,
    items: Vec<ItemId>,
    which: Which,
    left: &mut Left,
) -> Result<Option<Failure>, Failure> {
    let mut tries = stream::iter(items)
        .map(|item| one(hand, item, which))
        .buffer_unordered(hand.run.config.concurrency.max(1) as usize);
    let (mut rows, mut trouble) = (Vec::new(), None);
    while let Some(tried) = tries.next().await {
        match tried {
            Ok(Tried::Open) => left.unfinished += 1,
            Ok(Tried::Bad(settled, reason)) => left.settle_bad(settled, reason, 1),
            Ok(Tried::Good(settled, row)) => {
                left.retried.settle(settled);
                rows.extend(row);
            }
            Ok(Tried::KeptBack(settled, reason, items)) => {
                left.retried.planned += items.saturating_sub(1);
                left.settle_bad(settled, reason, items);
            }
            Ok(Tried::GoodAlready) => left.retried.settle(Settled::Found),
            Err(failure) => trouble = Some(failure),
        }
    }
    if !hand.lock().is_changed() && rows.is_empty() {
        return Ok(trouble);
    }
    end_again(hand);
    save(hand).await.map_err(|unwritten| match unwritten {
        Unwritten::Lost => Failure::unknown(Reason::LEASE_LOST, "another holds the lease"),
        Unwritten::Trouble(error) => error.failure(),
    })?;
    for item in rows {
        if let Some(keeper) = &hand.keeper {
            let removed = keeper.remove_failed(&item).await;
            removed.map_err(|error| error.failure())?;
        }
    }
    Ok(trouble)
}

/// A step of the unit that failed for good is made again, too: it may be why the items failed.
pub(super) async fn unit_steps_anew<M: Migration>(
    hand: &InHand<M>,
    which: Which,
) -> Result<UnitContext, Failure> {
    let depth = if which.without_rows {
        Depth::Presence
    } else {
        hand.context.depth()
    };
    let hand = &InHand {
        context: hand.context.clone().at_depth(depth),
        ..hand.clone()
    };
    let done = hand.token.run_until_cancelled(unit_steps(hand)).await;
    done.unwrap_or_else(|| Err(Failure::unknown(Reason::LEASE_LOST, "the lease was lost")))
}

/// One item, as its row says it now: another retry may have come in between, and the counters hold what it found.
async fn one<M: Migration>(hand: &InHand<M>, item: ItemId, which: Which) -> Result<Tried, Failure> {
    let run = &hand.run;
    let row = run.store.failed_item(&hand.context.id, &item).await;
    let row = row.map_err(|error| error.failure())?;
    if item.is_all_of_unit() {
        return Ok(row.map_or(Tried::GoodAlready, |row| {
            // As long as nobody counted them it is one at least.
            let settled = Settled::by_class(row.failure.class);
            Tried::KeptBack(settled, row.failure.reason, row.items.max(1))
        }));
    }
    if row.is_none() && !which.without_rows {
        return Ok(Tried::GoodAlready);
    }
    let began = run.clock.moment();
    let Some(slot) = hand.admit().await else {
        return Ok(Tried::Open);
    };
    run.events.publish(Event::ItemStarted {
        unit: hand.id.clone(),
        item: item.clone(),
    });
    let mut slot = Some(slot);
    let end = match run.migration.item(&hand.context, &item).await {
        Ok(found) => step(hand, &item, &found, &mut slot).await,
        Err(failure) => Some(not_read(failure)),
    };
    let dropped = || {
        run.events.publish(Event::ItemDropped {
            unit: hand.id.clone(),
            item: item.clone(),
        });
    };
    let Some(end) = end else {
        dropped();
        return Ok(Tried::Open);
    };
    let (settled, is_good) = (end.settled, end.failure.is_none());
    if !is_good
        && let Err(failure) = hand
            .write_failure(&item, &end, row.as_ref().map(Before::from))
            .await
    {
        dropped();
        return Err(failure);
    }
    let before = recount(hand, &item, row.as_ref(), &end);
    let reason = end.failure.as_ref().map(|failure| failure.reason);
    hand.tell(&item, end, began, before);
    Ok(match reason {
        None => Tried::Good(settled, row.map(|_| item)),
        Some(reason) => Tried::Bad(settled, reason),
    })
}

fn not_read(failure: Failure) -> End {
    if failure.reason == Reason::NOT_FOUND {
        // It was removed from the source since: there is nothing to migrate.
        return End {
            settled: Settled::Skipped,
            failure: None,
            attempts: 1,
        };
    }
    End {
        settled: Settled::by_class(failure.class),
        failure: Some(failure),
        attempts: 1,
    }
}

/// Counts an item anew if the counters of the unit hold it; gives what it was counted as.
///
/// An item without a row that is good was counted as good, or came after the unit was listed last and is in no count:
/// both stay as they are. So does one that a cause of the unit keeps back as it did before: it is counted as bad.
fn recount<M: Migration>(
    hand: &InHand<M>,
    item: &ItemId,
    row: Option<&FailedItem>,
    end: &End,
) -> Option<(Settled, Option<Reason>)> {
    let reason = end.failure.as_ref().map(|failure| failure.reason);
    let before = match row {
        Some(row) => (
            Settled::by_class(row.failure.class),
            Some(row.failure.reason),
        ),
        None if end.failure.is_none() => return None,
        None if hand.was_kept_back(end) => return Some((end.settled, reason)),
        None => (hand.progress().counts.some_good()?, None),
    };
    let counted = hand.lock().retried(item, before, (end.settled, reason));
    counted.then_some(before)
}

/// Brings the status of a unit that has ended in step with its counters.
pub(super) fn end_again<M: Migration>(hand: &InHand<M>) {
    hand.lock().change(|progress| {
        if progress.status.is_ended() {
            end(progress);
        }
    });
}
