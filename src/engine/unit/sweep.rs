//! One sweep over the items of a unit, many in flight.

use std::panic::AssertUnwindSafe;
use std::sync::atomic::AtomicBool;

use futures::stream::{BoxStream, FuturesUnordered};
use futures::{FutureExt, StreamExt};
use tokio::sync::OwnedSemaphorePermit;
use tokio_util::task::AbortOnDropHandle;

use crate::engine::item::{End, Hand, settle};
use crate::engine::record::Ticket;
use crate::engine::{Migration, UnitContext};
use crate::model::{Class, Event, Failure, ItemId, Reason, Settled};
use crate::runtime::full_jitter;

use super::InHand;
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
pub(crate) async fn sweep<M: Migration>(hand: &InHand<M>) -> Swept {
    let mut flying = Flying::new();
    let listed = list(hand, &mut flying).await;
    // Whatever ended the listing: items in flight get their last word, or give up by themselves.
    let mut trouble = None;
    while let Some(end) = flying.next().await {
        trouble = trouble.or(landed(end));
    }
    match (trouble, listed) {
        (Some(failure), _) => Swept::Trouble(failure),
        (None, Swept::End { .. }) if !hand.lock().is_even() => Swept::Stopped,
        (None, listed) => listed,
    }
}

async fn list<M: Migration>(hand: &InHand<M>, flying: &mut Flying) -> Swept {
    let run = &hand.run;
    let mut after = hand.lock().progress().cursor.clone();
    let (mut taken, mut deferred, mut failed) = (0, 0, 0);
    let mut context: Option<UnitContext> = None;
    let mut items = listing(hand, after.clone());
    loop {
        let item = tokio::select! {
            biased;
            () = hand.stopped() => return Swept::Stopped,
            item = next(hand, &mut items) => item,
        };
        let item = match item {
            None => return Swept::End { taken, deferred },
            Some(Ok(item)) => item,
            Some(Err(failure)) => {
                failed += 1;
                if let Some(failure) = wait_to_list_again(hand, failed, failure).await {
                    return Swept::Trouble(failure);
                }
                items = listing(hand, after.clone());
                continue;
            }
        };
        failed = 0;
        let id = run.migration.item_id(&item);
        after = Some(id.clone());
        let sweep = hand.lock().progress().sweep;
        let added_at = run.migration.added_at(&item);
        if !sweep.takes(added_at) {
            deferred += u64::from(sweep.leaves(added_at));
            continue;
        }
        taken += 1;
        if context.is_none() {
            match hand.token.run_until_cancelled(ready(hand)).await {
                Some(Ok(made)) => context = Some(made),
                Some(Err(failure))
                    if !matches!(failure.reason, Reason::LEASE_LOST | Reason::STOPPED)
                        || hand.keeper.is_none() && failure.reason == Reason::LEASE_LOST =>
                {
                    return Swept::Trouble(failure);
                }
                Some(Err(_)) | None => return Swept::Stopped,
            }
        }
        let Some(ticket) = hand.lock().begin(&id) else {
            continue;
        };
        let Some(context) = &context else { continue };
        let begun = begin(hand, context, (id, item, ticket), flying).await;
        if let Some(swept) = begun {
            return swept;
        }
        if let Some(swept) = make_room(hand, flying).await {
            return swept;
        }
    }
}

/// The items of what is leased, after one of them.
pub(super) fn listing<M: Migration>(
    hand: &InHand<M>,
    after: Option<ItemId>,
) -> BoxStream<'_, Result<M::Item, Failure>> {
    let within = hand.within.from(after);
    hand.run.migration.items(&hand.context, within)
}

/// The next item of the listing.
pub(super) async fn next<M: Migration>(
    hand: &InHand<M>,
    items: &mut BoxStream<'_, Result<M::Item, Failure>>,
) -> Option<Result<M::Item, Failure>> {
    let listing = hand
        .run
        .flights
        .during("the listing", &hand.context.id, None, async |_| {
            items.next().await.transpose()
        });
    listing.await.transpose()
}

/// Waits for a slot and starts the item.
async fn begin<M: Migration>(
    hand: &InHand<M>,
    context: &UnitContext,
    (id, item, ticket): (ItemId, M::Item, Ticket),
    flying: &mut Flying,
) -> Option<Swept> {
    let Some(slot) = hand.admit().await else {
        return Some(Swept::Stopped);
    };
    hand.run.events.publish(Event::ItemStarted {
        unit: hand.id.clone(),
        item: id.clone(),
    });
    let hand = InHand {
        context: context.clone(),
        ..hand.clone()
    };
    let tasks = hand.run.tasks.clone();
    flying.push(AbortOnDropHandle::new(
        tasks.spawn(fly(hand, id, item, ticket, slot)),
    ));
    None
}

/// One item in a task of its own. Gives a failure only when its last word could not be written.
async fn fly<M: Migration>(
    hand: InHand<M>,
    id: ItemId,
    item: M::Item,
    ticket: Ticket,
    slot: OwnedSemaphorePermit,
) -> Option<Failure> {
    let began = hand.run.clock.moment();
    let mut slot = Some(slot);
    let Some(end) = step(&hand, &id, &item, &mut slot).await else {
        hand.run.events.publish(Event::ItemDropped {
            unit: hand.id.clone(),
            item: id,
        });
        return None;
    };
    let failure = hand.end(&id, ticket, end, began).await.err()?;
    // Its last word is not written: the item is as if it had not been taken.
    hand.run.events.publish(Event::ItemDropped {
        unit: hand.id.clone(),
        item: id,
    });
    // The work on the unit ends by itself then.
    (failure.reason != Reason::LEASE_LOST).then_some(failure)
}

/// Settles an item while its unit is ours. A step that panics is a failure of its item alone.
pub(crate) async fn step<M: Migration>(
    hand: &InHand<M>,
    id: &ItemId,
    item: &M::Item,
    slot: &mut Option<OwnedSemaphorePermit>,
) -> Option<End> {
    let one = Hand {
        unit: &hand.context,
        id: id.clone(),
        item,
        fence: hand.fence(),
        lease: hand.keeper.as_deref(),
        touched: AtomicBool::new(false),
    };
    let settling = hand
        .token
        .run_until_cancelled(settle(&hand.run, &one, slot));
    match AssertUnwindSafe(settling).catch_unwind().await {
        Ok(end) => end.flatten(),
        Err(_) => Some(End {
            settled: Settled::Quarantined,
            failure: Some(Failure::permanent(Reason::INTERNAL, "a step panicked")),
            attempts: 1,
        }),
    }
}

/// Lets items in flight end while there are too many ahead of the slowest one.
async fn make_room<M: Migration>(hand: &InHand<M>, flying: &mut Flying) -> Option<Swept> {
    loop {
        let ended = flying.next().now_or_never().flatten();
        let ended = match ended {
            Some(ended) => ended,
            None if hand.lock().ahead() < hand.run.config.pace.window => return None,
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
        Err(error) => Some(Failure::permanent(Reason::INTERNAL, error.to_string())),
    }
}

/// None after a wait, when the listing may be tried again.
pub(super) async fn wait_to_list_again<M: Migration>(
    hand: &InHand<M>,
    failed: u32,
    failure: Failure,
) -> Option<Failure> {
    let pace = &hand.run.config.pace;
    if failure.class == Class::Fatal {
        hand.run.die(&failure);
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
        () = hand.stopped() => Some(failure),
    }
}
