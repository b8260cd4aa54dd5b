//! One sweep over the items of a unit, many in flight.

use std::panic::AssertUnwindSafe;
use std::sync::atomic::AtomicBool;

use futures::stream::{BoxStream, FuturesUnordered};
use futures::{FutureExt, StreamExt};
use tokio::sync::OwnedSemaphorePermit;
use tokio_util::task::AbortOnDropHandle;

use crate::engine::item::{End, ItemContext, settle};
use crate::engine::record::Ticket;
use crate::engine::{Migration, UnitContext};
use crate::model::{Class, Event, Failure, ItemId, Reason, Settled};
use crate::runtime::full_jitter;

use super::LeasedUnit;
use super::ready::ready;

/// How a sweep ended.
pub(crate) enum Swept {
    /// At the last item, with every item settled.
    End {
        /// Items that belonged to this sweep and were listed by this process.
        taken: u64,
        /// Items that are left to a later sweep.
        deferred: u64,
    },
    /// Before: drain, limit, or lease lost.
    Stopped,
    /// The listing or state failed.
    Trouble(Failure),
}

type Flying = FuturesUnordered<AbortOnDropHandle<Option<Failure>>>;

/// Lists the items after the cursor and works on them.
pub(crate) async fn sweep<M: Migration>(leased: &LeasedUnit<M>) -> Swept {
    let mut flying = Flying::new();
    let listed = list(leased, &mut flying).await;
    // Whatever ended the listing: items in flight get their last word, or give up by themselves.
    let mut trouble = None;
    while let Some(end) = flying.next().await {
        trouble = trouble.or(landed(end));
    }
    match (trouble, listed) {
        (Some(failure), _) => Swept::Trouble(failure),
        (None, Swept::End { .. }) if !leased.lock().is_even() => Swept::Stopped,
        (None, listed) => listed,
    }
}

async fn list<M: Migration>(leased: &LeasedUnit<M>, flying: &mut Flying) -> Swept {
    let run = &leased.run;
    let mut after = leased.lock().progress().cursor.clone();
    let (mut taken, mut deferred, mut failed) = (0, 0, 0);
    let mut context: Option<UnitContext> = None;
    let mut items = listing(leased, after.clone());
    loop {
        let item = tokio::select! {
            biased;
            () = leased.stopped() => return Swept::Stopped,
            item = next(leased, &mut items) => item,
        };
        let item = match item {
            None => return Swept::End { taken, deferred },
            Some(Ok(item)) => item,
            Some(Err(failure)) => {
                failed += 1;
                if let Some(failure) = wait_to_list_again(leased, failed, failure).await {
                    return Swept::Trouble(failure);
                }
                items = listing(leased, after.clone());
                continue;
            }
        };
        failed = 0;
        let id = run.migration.item_id(&item);
        after = Some(id.clone());
        let sweep = leased.lock().progress().sweep;
        let added_at = run.migration.added_at(&item);
        if !sweep.takes(added_at) {
            deferred += u64::from(sweep.leaves(added_at));
            continue;
        }
        taken += 1;
        if context.is_none() {
            match leased.token.run_until_cancelled(ready(leased)).await {
                Some(Ok(made)) => context = Some(made),
                Some(Err(failure))
                    if !matches!(failure.reason, Reason::LeaseLost | Reason::Stopped)
                        || leased.lease.is_none() && failure.reason == Reason::LeaseLost =>
                {
                    return Swept::Trouble(failure);
                }
                Some(Err(_)) | None => return Swept::Stopped,
            }
        }
        let Some(ticket) = leased.lock().begin(&id) else {
            continue;
        };
        let Some(context) = &context else { continue };
        let begun = begin(leased, context, (id, item, ticket), flying).await;
        if let Some(swept) = begun {
            return swept;
        }
        if let Some(swept) = make_room(leased, flying).await {
            return swept;
        }
    }
}

/// The items of what is leased, after one of them.
pub(super) fn listing<M: Migration>(
    leased: &LeasedUnit<M>,
    after: Option<ItemId>,
) -> BoxStream<'_, Result<M::Item, Failure>> {
    let within = leased.within.from(after);
    leased.run.migration.items(&leased.context, within)
}

/// The next item of the listing.
pub(super) async fn next<M: Migration>(
    leased: &LeasedUnit<M>,
    items: &mut BoxStream<'_, Result<M::Item, Failure>>,
) -> Option<Result<M::Item, Failure>> {
    let listing = leased
        .run
        .flights
        .during("the listing", &leased.context.id, None, async |_| {
            items.next().await.transpose()
        });
    listing.await.transpose()
}

/// Waits for a slot and starts the item.
async fn begin<M: Migration>(
    leased: &LeasedUnit<M>,
    context: &UnitContext,
    (id, item, ticket): (ItemId, M::Item, Ticket),
    flying: &mut Flying,
) -> Option<Swept> {
    let Some(slot) = leased.admit().await else {
        return Some(Swept::Stopped);
    };
    leased.run.events.publish(Event::ItemStarted {
        unit: leased.id.clone(),
        item: id.clone(),
    });
    let leased = LeasedUnit {
        context: context.clone(),
        ..leased.clone()
    };
    let tasks = leased.run.tasks.clone();
    flying.push(AbortOnDropHandle::new(
        tasks.spawn(fly(leased, id, item, ticket, slot)),
    ));
    None
}

/// One item in a task of its own. Gives a failure only when its last word could not be written.
async fn fly<M: Migration>(
    leased: LeasedUnit<M>,
    id: ItemId,
    item: M::Item,
    ticket: Ticket,
    slot: OwnedSemaphorePermit,
) -> Option<Failure> {
    let began = leased.run.clock.moment();
    let mut slot = Some(slot);
    let Some(end) = step(&leased, &id, &item, &mut slot).await else {
        leased.run.events.publish(Event::ItemDropped {
            unit: leased.id.clone(),
            item: id,
        });
        return None;
    };
    let failure = leased.end(&id, ticket, end, began).await.err()?;
    // Its last word is not written: the item is as if it had not been taken.
    leased.run.events.publish(Event::ItemDropped {
        unit: leased.id.clone(),
        item: id,
    });
    // The work on the unit ends by itself then.
    (failure.reason != Reason::LeaseLost).then_some(failure)
}

/// Settles an item while its unit is ours. A step that panics is a failure of its item alone.
pub(crate) async fn step<M: Migration>(
    leased: &LeasedUnit<M>,
    id: &ItemId,
    item: &M::Item,
    slot: &mut Option<OwnedSemaphorePermit>,
) -> Option<End> {
    let one = ItemContext {
        unit: &leased.context,
        id: id.clone(),
        item,
        fence: leased.fence(),
        lease: leased.lease.as_deref(),
        touched: AtomicBool::new(false),
    };
    let settling = leased
        .token
        .run_until_cancelled(settle(&leased.run, &one, slot));
    match AssertUnwindSafe(settling).catch_unwind().await {
        Ok(end) => end.flatten(),
        Err(_) => Some(End {
            settled: Settled::Quarantined,
            failure: Some(Failure::permanent(Reason::Internal, "a step panicked")),
            attempts: 1,
        }),
    }
}

/// Lets items in flight end while there are too many ahead of the slowest one.
async fn make_room<M: Migration>(leased: &LeasedUnit<M>, flying: &mut Flying) -> Option<Swept> {
    loop {
        let ended = flying.next().now_or_never().flatten();
        let ended = match ended {
            Some(ended) => ended,
            None if leased.lock().ahead() < leased.run.config.pace.window => return None,
            None => flying.next().await?,
        };
        if let Some(failure) = landed(ended) {
            return Some(Swept::Trouble(failure));
        }
    }
}

/// What a task that ended says; one that was dropped says nothing.
fn landed(end: Result<Option<Failure>, tokio::task::JoinError>) -> Option<Failure> {
    match end {
        Ok(end) => end,
        Err(error) if error.is_cancelled() => None,
        Err(error) => Some(Failure::permanent(Reason::Internal, error.to_string())),
    }
}

/// None after a wait, when the listing may be tried again.
pub(super) async fn wait_to_list_again<M: Migration>(
    leased: &LeasedUnit<M>,
    failed: u32,
    failure: Failure,
) -> Option<Failure> {
    let pace = &leased.run.config.pace;
    if failure.class == Class::Fatal {
        leased.run.die(&failure);
    }
    let hopeless = matches!(failure.class, Class::Fatal | Class::Permanent);
    if hopeless || failed >= pace.attempts {
        return Some(failure);
    }
    let grown = pace.attempt_wait * 2_u32.saturating_pow(failed - 1);
    let wait = full_jitter(grown.min(pace.longest_attempt_wait));
    tokio::select! {
        biased;
        () = tokio::time::sleep(wait.max(failure.retry_after.unwrap_or_default())) => None,
        () = leased.stopped() => Some(failure),
    }
}
