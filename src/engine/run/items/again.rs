//! Retries one piece of items, and updates the counters of their unit.

use futures::{StreamExt, stream};
use tokio::sync::OwnedSemaphorePermit;

use crate::engine::item::End;
use crate::engine::run::Remaining;
use crate::engine::unit::{Before, LeasedUnit, end, save, settle_item, unit_steps};
use crate::engine::{Depth, Migration, UnitContext};
use crate::model::{Event, FailedItem, Failure, ItemId, Reason, Settled};
use crate::runtime::Instant;

/// Which items of a piece are retried.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Which {
    /// Also items without a failure row. Then the steps of the unit are probed again, too.
    pub(crate) without_rows: bool,
    /// Whether the counters of the unit are recounted from its failure rows.
    pub(crate) recount: bool,
}

/// The outcome of a retried item.
enum Tried {
    /// It has no outcome.
    Open,
    /// It is bad again, and its row says so.
    Bad(Settled, Reason),
    /// It is good. Its failure row, if any, is not removed yet.
    Good(Settled, Option<ItemId>),
    /// It was fixed meanwhile.
    GoodAlready,
    /// A step of the unit still blocks this many items.
    KeptBack(Settled, Reason, u64),
}

/// Retries the items.
pub(super) async fn try_again<M: Migration>(
    leased: &LeasedUnit<M>,
    mut items: Vec<ItemId>,
    which: Which,
) -> Result<Remaining, Failure> {
    let context = repeat_unit_steps(leased, which).await?;
    let leased = &LeasedUnit {
        context,
        ..leased.clone()
    };
    let at_once = usize::try_from(leased.run.config.pace.checkpoint_items).unwrap_or(usize::MAX);
    let (mut remaining, mut trouble) = (Remaining::default(), None);
    remaining.retried.planned = items.len() as u64;
    while !items.is_empty() {
        let rest = items.split_off(at_once.clamp(1, items.len()));
        let failure = some(leased, items, which, &mut remaining).await?;
        trouble = trouble.or(failure);
        items = rest;
    }
    if let Some(failure) = trouble {
        remaining.troubled.push((leased.id.clone(), failure));
    }
    Ok(remaining)
}

/// Retries some items. Writes failure rows first, then counters and status, then removes the rows of items that are
/// good now. After a crash in between, another retry finds the remaining rows good.
async fn some<M: Migration>(
    leased: &LeasedUnit<M>,
    items: Vec<ItemId>,
    which: Which,
    remaining: &mut Remaining,
) -> Result<Option<Failure>, Failure> {
    let mut tries = stream::iter(items)
        .map(|item| one(leased, item, which))
        .buffer_unordered(leased.run.config.concurrency.max(1) as usize);
    let (mut rows, mut trouble) = (Vec::new(), None);
    while let Some(tried) = tries.next().await {
        match tried {
            Ok(Tried::Open) => remaining.unfinished += 1,
            Ok(Tried::Bad(settled, reason)) => remaining.settle_bad(settled, reason, 1),
            Ok(Tried::Good(settled, row)) => {
                remaining.retried.settle(settled);
                rows.extend(row);
            }
            Ok(Tried::KeptBack(settled, reason, items)) => {
                remaining.retried.planned += items.saturating_sub(1);
                remaining.settle_bad(settled, reason, items);
            }
            Ok(Tried::GoodAlready) => remaining.retried.settle(Settled::Found),
            Err(failure) => trouble = Some(failure),
        }
    }
    if !leased.lock().is_changed() && rows.is_empty() {
        return Ok(trouble);
    }
    end_again(leased);
    save(leased).await.map_err(|error| error.failure())?;
    for item in rows {
        if let Some(lease) = &leased.lease {
            let removed = lease.remove_failed(&item).await;
            removed.map_err(|error| error.failure())?;
        }
    }
    Ok(trouble)
}

/// Repeats failed steps of the unit, which may be why the items failed.
pub(super) async fn repeat_unit_steps<M: Migration>(
    leased: &LeasedUnit<M>,
    which: Which,
) -> Result<UnitContext, Failure> {
    let depth = if which.without_rows {
        Depth::Presence
    } else {
        leased.context.depth()
    };
    let leased = &LeasedUnit {
        context: leased.context.clone().at_depth(depth),
        ..leased.clone()
    };
    let done = leased.token.run_until_cancelled(unit_steps(leased)).await;
    done.unwrap_or_else(|| Err(Failure::unknown(Reason::LEASE_LOST, "the lease was lost")))
}

/// Retries one item by its current row, which another retry may have changed.
async fn one<M: Migration>(
    leased: &LeasedUnit<M>,
    item: ItemId,
    which: Which,
) -> Result<Tried, Failure> {
    let run = &leased.run;
    let row = run.store.failed_item(&leased.context.id, &item).await;
    let row = row.map_err(|error| error.failure())?;
    if item.is_all_of_unit() {
        return Ok(row.map_or(Tried::GoodAlready, |row| {
            // At least one, until they are counted.
            let settled = Settled::by_class(row.failure.class);
            Tried::KeptBack(settled, row.failure.reason, row.items.max(1))
        }));
    }
    if row.is_none() && !which.without_rows {
        return Ok(Tried::GoodAlready);
    }
    let settled = settle_by_name(leased, &item, not_read).await;
    let Some((end, began, _slot)) = settled else {
        return Ok(Tried::Open);
    };
    let (settled, is_good) = (end.settled, end.failure.is_none());
    if !is_good
        && let Err(failure) = leased
            .write_failure(&item, &end, row.as_ref().map(Before::from))
            .await
    {
        leased.publish_dropped(&item);
        return Err(failure);
    }
    let before = recount(leased, &item, row.as_ref(), &end);
    let reason = end.failure.as_ref().map(|failure| failure.reason);
    leased.publish_settled(&item, end, began, before);
    Ok(match reason {
        None => Tried::Good(settled, row.map(|_| item)),
        Some(reason) => Tried::Bad(settled, reason),
    })
}

/// Reads an item by id and settles it; `None` if it has no outcome. The caller holds the slot until the outcome is
/// written.
pub(super) async fn settle_by_name<M: Migration>(
    leased: &LeasedUnit<M>,
    item: &ItemId,
    not_read: impl FnOnce(Failure) -> End,
) -> Option<(End, Instant, Option<OwnedSemaphorePermit>)> {
    let run = &leased.run;
    let began = run.clock.instant();
    let mut slot = Some(leased.admit().await?);
    run.events.publish(Event::ItemStarted {
        unit: leased.id.clone(),
        item: item.clone(),
    });
    let end = match run.migration.item(&leased.context, item).await {
        Ok(found) => settle_item(leased, item, &found, &mut slot).await,
        Err(failure) => Some(not_read(failure)),
    };
    if end.is_none() {
        leased.publish_dropped(item);
    }
    Some((end?, began, slot))
}

fn not_read(failure: Failure) -> End {
    if failure.reason == Reason::NOT_FOUND {
        // It was removed from the source, so there is nothing to migrate.
        return End {
            settled: Settled::Skipped,
            failure: None,
            attempts: 1,
        };
    }
    End::failed(failure, 1)
}

/// Recounts an item, if the counters of the unit include it. Returns what it was counted as.
///
/// A good item without a row was counted as good or not at all, and an item that its unit still blocks was counted as
/// bad. Both stay.
fn recount<M: Migration>(
    leased: &LeasedUnit<M>,
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
        None if leased.was_kept_back(end) => return Some((end.settled, reason)),
        None => (leased.progress().counts.some_good()?, None),
    };
    let counted = leased.lock().retried(item, before, (end.settled, reason));
    counted.then_some(before)
}

/// Updates the status of an ended unit from its counters.
pub(super) fn end_again<M: Migration>(leased: &LeasedUnit<M>) {
    leased.lock().change(|progress| {
        if progress.status.is_ended() {
            end(progress);
        }
    });
}
