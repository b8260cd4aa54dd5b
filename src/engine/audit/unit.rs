//! The audit of one unit.

use std::sync::Arc;

use futures::stream;
use futures::{FutureExt, StreamExt, TryFutureExt, TryStreamExt};

use crate::engine::attempts::caught;
use crate::engine::item::ItemTasks;
use crate::engine::listing::{Listing, Next};
use crate::engine::{Migration, UnitContext};
use crate::model::{Class, Event, Failure, ItemId, ItemRange, Reason, Unit, UnitAudited, UnitId};
use crate::runtime::{Stop, StopLevel};
use crate::state::ProgressRow;

use super::judge::{Judged, judge, judge_unit};
use super::patience::down_for;
use super::shared::{Audit, GRACE};
use super::tracker::ItemSeq;

/// A unit that is to be looked at.
pub(super) struct AuditRequest {
    pub(super) unit: Unit,
    /// Only these items, in order.
    pub(super) named: Option<Vec<ItemId>>,
}

/// An item of the listing as the source has it; none when only its name was given.
type Source<M> = Option<<M as Migration>::Item>;

/// Looks at the items of a unit after those that an earlier audit judged.
pub(super) async fn of_unit<M: Migration>(
    audit: Arc<Audit<M>>,
    wanted: AuditRequest,
    earlier: Option<UnitAudited>,
) {
    let id = wanted.unit.id.clone();
    let cursor = audit.begin_unit(&id, earlier);
    let stop = &audit.stop;
    let prepared = tokio::select! {
        biased;
        () = stop.reached(StopLevel::Drain) => None,
        prepared = prepare(&audit, &id) => Some(prepared),
    };
    let Some((context, of_unit)) = prepared else {
        audit.unfinished();
        return;
    };
    if let Some(failure) = of_unit.fatal() {
        audit.unfinished();
        audit.die(failure);
        return;
    }
    let one = OneUnit {
        audit: Arc::clone(&audit),
        id: id.clone(),
        context,
        of_unit: Arc::new(of_unit),
    };
    let mut flying = ItemTasks::new();
    let end = one.list(&wanted, cursor, &mut flying).await;
    while let Some(landed) = flying.next().await {
        one.landed(landed);
    }
    let failure = match end {
        ListingEnd::Stopped => {
            audit.unfinished();
            return;
        }
        ListingEnd::Whole => {
            audit.tracked(&id, super::tracker::Tracker::close);
            None
        }
        ListingEnd::Broken(after, failure) => {
            audit.unlisted(&id, after, failure.clone());
            Some(failure)
        }
    };
    audit.events.publish(Event::UnitAudited {
        listed: audit.tracked(&id, |tracker| tracker.audited().verdicts.total()),
        announced: wanted.unit.planned.unwrap_or(0),
        unit: id,
        failure,
    });
}

/// Reads the unit's row and looks at its steps. A row that cannot be read says nothing.
async fn prepare<M: Migration>(audit: &Audit<M>, id: &UnitId) -> (UnitContext, Judged) {
    let store = &audit.store;
    let read = || {
        let row = store.progress_row(id);
        row.map_err(|error| error.failure()).boxed()
    };
    let patience = audit.patience();
    let row = patience.with(read).await;
    let foreign =
        |row: &Option<ProgressRow>| row.as_ref().is_some_and(ProgressRow::has_foreign_work);
    let context = audit
        .context(id)
        .taken_over(row.as_ref().is_ok_and(foreign));
    let row = row.map(|row| row.map(|row| row.progress));
    let row = row.as_ref().map(Option::as_ref);
    judge_unit(
        &audit.unit_steps,
        row,
        context,
        (&patience, audit.migration.reasons()),
    )
    .await
}

enum ListingEnd {
    /// At the last item.
    Whole,
    /// Before: drain, limit, or nothing could work.
    Stopped,
    /// It broke after an item, and could not be gone on with.
    Broken(Option<ItemId>, Failure),
}

/// A unit that is looked at.
struct OneUnit<M: Migration> {
    audit: Arc<Audit<M>>,
    id: UnitId,
    context: UnitContext,
    of_unit: Arc<Judged>,
}

impl<M: Migration> Clone for OneUnit<M> {
    fn clone(&self) -> Self {
        Self {
            audit: Arc::clone(&self.audit),
            id: self.id.clone(),
            context: self.context.clone(),
            of_unit: Arc::clone(&self.of_unit),
        }
    }
}

impl<M: Migration> OneUnit<M> {
    async fn list(
        &self,
        wanted: &AuditRequest,
        cursor: Option<ItemId>,
        flying: &mut ItemTasks<()>,
    ) -> ListingEnd {
        let audit = &self.audit;
        let mut planned_unit = false;
        let mut items = self.listing(wanted, cursor);
        loop {
            let (id, item) = match items.next(audit.stop.reached(StopLevel::Drain)).await {
                Next::Item(id, item) => (id, item),
                Next::End => return ListingEnd::Whole,
                Next::Stopped => return ListingEnd::Stopped,
                Next::Failed(failure) if failure.class == Class::Fatal => {
                    audit.unfinished();
                    return ListingEnd::Stopped;
                }
                Next::Failed(failure) => return ListingEnd::Broken(items.last(), failure),
            };
            if !self.begin(id, item, flying).await {
                return ListingEnd::Stopped;
            }
            if !std::mem::replace(&mut planned_unit, true) {
                audit.plan(&self.of_unit);
            }
        }
    }

    /// The items after one of them.
    fn listing<'a>(
        &'a self,
        wanted: &'a AuditRequest,
        after: Option<ItemId>,
    ) -> Listing<'a, M, Source<M>> {
        let migration = &*self.audit.migration;
        let open = move |after: Option<ItemId>| match &wanted.named {
            None => {
                let items = migration.items(&self.context, ItemRange::default().from(after));
                items
                    .map_ok(|item| (migration.item_id(&item), Some(item)))
                    .boxed()
            }
            Some(named) => {
                let rest = named
                    .iter()
                    .filter(move |id| after.as_ref().is_none_or(|after| *id > after));
                stream::iter(rest.map(|id| Ok((id.clone(), None)))).boxed()
            }
        };
        let listing = Listing::new(&self.audit, &self.id, after, open);
        listing.while_down(down_for(&self.audit.config.pace))
    }

    /// Waits for a slot and starts the probe; `false` when none may be begun any more.
    async fn begin(&self, id: ItemId, item: Source<M>, flying: &mut ItemTasks<()>) -> bool {
        let audit = &self.audit;
        let Some(slot) = audit.admit().await else {
            return false;
        };
        let seq = audit.begin(&self.id, &id);
        let this = self.clone();
        let task = async move {
            this.one(id, item, seq).await;
            drop(slot);
        };
        flying.start(&audit.tasks, task);
        // Looks in flight end while there are too many ahead of the slowest one.
        let has_room = || self.ahead() < audit.config.pace.window;
        while let Some(landed) = flying.next_for_room(has_room).await {
            self.landed(landed);
        }
        true
    }

    fn ahead(&self) -> usize {
        self.audit.tracked(&self.id, |tracker| tracker.ahead())
    }

    /// A probe whose task died is missing among the verdicts, which is told.
    fn landed(&self, landed: Result<(), tokio::task::JoinError>) {
        if let Err(error) = landed {
            tracing::error!(unit = %self.id, %error, "a check ended without a verdict");
            let failure = Failure::permanent(Reason::INTERNAL, error.to_string());
            self.audit.lost_probe(&self.id, failure);
        }
    }

    /// Looks at one item, unless the audit ends before.
    async fn one(&self, id: ItemId, item: Source<M>, seq: ItemSeq) {
        let (audit, unit) = (&self.audit, &self.id);
        audit.events.publish(Event::ItemStarted {
            unit: unit.clone(),
            item: id.clone(),
        });
        let judged = tokio::select! {
            biased;
            judged = self.judge(&id, item) => Some(judged),
            () = enough(&audit.stop) => None,
        };
        let fatal = judged.as_ref().and_then(Judged::fatal);
        if let Some(failure) = fatal {
            audit.die(failure);
        }
        match judged {
            Some(judged) if judged.fatal().is_none() => {
                audit.plan(&judged);
                let judged = judged.with(&self.of_unit, audit.migration.reasons());
                audit.settle(unit, id, seq, judged);
            }
            _ => {
                audit.unfinished();
                let unit = unit.clone();
                audit.events.publish(Event::ItemDropped { unit, item: id });
            }
        }
    }

    async fn judge(&self, id: &ItemId, item: Source<M>) -> Judged {
        let (audit, unit) = (&self.audit, &self.context);
        let (migration, patience) = (&*audit.migration, audit.patience());
        let item = if let Some(item) = item {
            item
        } else {
            let find = || caught("finding it", migration.item(unit, id)).boxed();
            match patience.with(find).await {
                Ok(item) => item,
                Err(failure) => {
                    return Judged::new(Vec::new(), Some(failure), audit.migration.reasons());
                }
            }
        };
        let judged = judge(migration, &audit.steps, &patience, unit, &item).await;
        if let Some(failure) = judged.internal() {
            tracing::error!(unit = %self.id, item = %id, "{}", failure.message);
        }
        judged
    }
}

/// Ready when looks in flight are not waited for any longer.
async fn enough(stop: &Stop) {
    let drained = async {
        stop.reached(StopLevel::Drain).await;
        tokio::time::sleep(GRACE).await;
    };
    tokio::select! {
        biased;
        () = stop.reached(StopLevel::Abort) => {}
        () = drained => {}
    }
}
