//! One pass over the items of a unit, many in flight.

use std::panic::AssertUnwindSafe;
use std::sync::atomic::AtomicBool;

use futures::{FutureExt, StreamExt, TryStreamExt};
use tokio::sync::OwnedSemaphorePermit;

use crate::engine::item::{End, ItemContext, ItemTasks, settle};
use crate::engine::listing::{Listing, Next};
use crate::engine::record::ItemSeq;
use crate::engine::{Migration, UnitContext};
use crate::model::{Event, Failure, ItemId, Reason};

use super::LeasedUnit;
use super::end::Interrupted;
use super::ready::ready;

/// The result of a complete pass.
pub(crate) struct PassOutcome {
    /// Items of this pass that this process listed.
    pub(crate) taken: u64,
    /// Items of a later pass.
    pub(crate) deferred: u64,
}

type Flying = ItemTasks<Option<Failure>>;

/// Lists the items after the cursor and works on them.
pub(crate) async fn run_pass<M: Migration>(
    leased: &LeasedUnit<M>,
) -> Result<PassOutcome, Interrupted> {
    let mut flying = Flying::new();
    let listed = list(leased, &mut flying).await;
    // Items in flight are still settled, whatever ended the listing.
    let mut trouble = None;
    while let Some(end) = flying.next().await {
        trouble = trouble.or(landed(end));
    }
    match (trouble, listed) {
        (Some(failure), _) => Err(Interrupted::Failed(failure)),
        (None, Ok(_)) if !leased.lock().is_even() => Err(Interrupted::Stopped),
        (None, listed) => listed,
    }
}

async fn list<M: Migration>(
    leased: &LeasedUnit<M>,
    flying: &mut Flying,
) -> Result<PassOutcome, Interrupted> {
    let run = &leased.run;
    let after = leased.lock().progress().cursor.clone();
    let (mut taken, mut deferred) = (0, 0);
    let mut context: Option<UnitContext> = None;
    let mut items = listing(leased, after);
    loop {
        let (id, item) = match items.next(leased.stopped()).await {
            Next::Item(id, item) => (id, item),
            Next::End => return Ok(PassOutcome { taken, deferred }),
            Next::Stopped => return Err(Interrupted::Stopped),
            Next::Failed(failure) => return Err(Interrupted::Failed(failure)),
        };
        let pass = leased.lock().progress().pass;
        let added_at = run.migration.added_at(&item);
        if !pass.takes(added_at) {
            deferred += u64::from(pass.defers(added_at));
            continue;
        }
        taken += 1;
        if context.is_none() {
            match leased.token.run_until_cancelled(ready(leased)).await {
                Some(Ok(made)) => context = Some(made),
                Some(Err(failure))
                    if !matches!(failure.reason, Reason::LEASE_LOST | Reason::STOPPED)
                        || leased.lease.is_none() && failure.reason == Reason::LEASE_LOST =>
                {
                    return Err(Interrupted::Failed(failure));
                }
                Some(Err(_)) | None => return Err(Interrupted::Stopped),
            }
        }
        let Some(seq) = leased.lock().begin(&id) else {
            continue;
        };
        let Some(context) = &context else { continue };
        begin(leased, context, (id, item, seq), flying).await?;
        make_room(leased, flying).await?;
    }
}

/// Lists the leased items after one of them.
pub(super) fn listing<M: Migration>(
    leased: &LeasedUnit<M>,
    after: Option<ItemId>,
) -> Listing<'_, M, M::Item> {
    let migration = &*leased.run.migration;
    let open = move |after| {
        let items = migration.items(&leased.context, leased.within.from(after));
        items
            .map_ok(|item| (migration.item_id(&item), item))
            .boxed()
    };
    Listing::new(&leased.run, &leased.context.id, after, open)
}

/// Waits for a slot and starts the item.
async fn begin<M: Migration>(
    leased: &LeasedUnit<M>,
    context: &UnitContext,
    (id, item, seq): (ItemId, M::Item, ItemSeq),
    flying: &Flying,
) -> Result<(), Interrupted> {
    let slot = leased.admit().await.ok_or(Interrupted::Stopped)?;
    leased.run.events.publish(Event::ItemStarted {
        unit: leased.id.clone(),
        item: id.clone(),
    });
    let leased = LeasedUnit {
        context: context.clone(),
        ..leased.clone()
    };
    let tasks = leased.run.tasks.clone();
    flying.start(&tasks, fly(leased, id, item, seq, slot));
    Ok(())
}

/// One item in its own task. Returns a failure only if its outcome could not be written.
async fn fly<M: Migration>(
    leased: LeasedUnit<M>,
    id: ItemId,
    item: M::Item,
    seq: ItemSeq,
    slot: OwnedSemaphorePermit,
) -> Option<Failure> {
    let began = leased.run.clock.instant();
    let mut slot = Some(slot);
    let Some(end) = settle_item(&leased, &id, &item, &mut slot).await else {
        leased.publish_dropped(&id);
        return None;
    };
    let failure = leased.end(&id, seq, end, began).await.err()?;
    // Its outcome is not written, so it counts as not started.
    leased.publish_dropped(&id);
    // After a lost lease the work on the unit ends by itself.
    (failure.reason != Reason::LEASE_LOST).then_some(failure)
}

/// Settles an item while its unit is leased. A panic of a step is a failure of its item.
pub(crate) async fn settle_item<M: Migration>(
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
    let Ok(end) = AssertUnwindSafe(settling).catch_unwind().await else {
        let failure = Failure::permanent(Reason::INTERNAL, "a step panicked");
        return Some(End::failed(failure, 1));
    };
    end.flatten()
}

/// Waits for items in flight while too many are ahead of the slowest one.
async fn make_room<M: Migration>(
    leased: &LeasedUnit<M>,
    flying: &mut Flying,
) -> Result<(), Interrupted> {
    let has_room = || leased.lock().ahead() < leased.run.config.pace.window;
    while let Some(ended) = flying.next_for_room(has_room).await {
        if let Some(failure) = landed(ended) {
            return Err(Interrupted::Failed(failure));
        }
    }
    Ok(())
}

/// The failure of a task that ended, if it has one.
fn landed(end: Result<Option<Failure>, tokio::task::JoinError>) -> Option<Failure> {
    match end {
        Ok(end) => end,
        Err(error) if error.is_cancelled() => None,
        Err(error) => Some(Failure::permanent(Reason::INTERNAL, error.to_string())),
    }
}
