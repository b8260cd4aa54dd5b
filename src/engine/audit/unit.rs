//! The audit of one unit.

use std::sync::Arc;

use futures::stream::{self, BoxStream, FuturesUnordered};
use futures::{FutureExt, StreamExt, TryFutureExt, TryStreamExt};
use tokio_util::task::AbortOnDropHandle;

use crate::engine::gate::Admission;
use crate::engine::{Migration, UnitContext};
use crate::model::{Between, Class, Event, Failure, ItemId, Unit, UnitAudited, UnitId};
use crate::runtime::{Degree, Stop};
use crate::state::ProgressRow;

use super::Choice;
use super::judge::{Judged, caught, judge, judge_unit};
use super::patience::Tries;
use super::shared::{Audit, GRACE};
use super::tracker::Ticket;

/// A unit that is to be looked at.
pub(super) struct Wanted {
    pub(super) unit: Unit,
    /// Only these items, in order.
    pub(super) named: Option<Vec<ItemId>>,
    pub(super) choice: Choice,
}

/// An item of the listing: as the source has it, or by its name.
enum Listed<M: Migration> {
    Item(M::Item),
    Named(ItemId),
}

type Flying = FuturesUnordered<AbortOnDropHandle<()>>;

/// Looks at the items of a unit after those that an earlier audit judged.
pub(super) async fn of_unit<M: Migration>(
    audit: Arc<Audit<M>>,
    wanted: Wanted,
    earlier: Option<UnitAudited>,
) {
    let id = wanted.unit.id.clone();
    let cursor = audit.begin_unit(&id, earlier);
    let stop = &audit.parts.stop;
    let prepared = tokio::select! {
        biased;
        () = stop.reached(Degree::Drain) => None,
        prepared = prepare(&audit, &id) => Some(prepared),
    };
    let Some((context, of_unit)) = prepared else {
        audit.unfinished();
        return;
    };
    if let Some(failure) = of_unit.fatal() {
        audit.die(failure);
        return;
    }
    let one = OneUnit {
        audit: Arc::clone(&audit),
        id: id.clone(),
        context,
        of_unit: Arc::new(of_unit),
    };
    let mut flying = Flying::new();
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
    audit.parts.events.publish(Event::UnitAudited {
        listed: audit.tracked(&id, |tracker| tracker.audited().verdicts.total()),
        announced: wanted.unit.planned.unwrap_or(0),
        unit: id,
        failure,
    });
}

/// Reads the unit's row and looks at its steps. A row that cannot be read says nothing.
async fn prepare<M: Migration>(audit: &Audit<M>, id: &UnitId) -> (UnitContext, Judged) {
    let store = &audit.parts.store;
    let read = || {
        let row = store.progress_row(id);
        row.map_err(|error| error.failure()).boxed()
    };
    let row = audit.patience.with(read).await;
    let context = UnitContext::new(id.clone(), audit.parts.clock, audit.parts.tasks.clone())
        .at_depth(audit.config.depth);
    let foreign =
        |row: &Option<ProgressRow>| row.as_ref().is_some_and(ProgressRow::has_foreign_work);
    let context = context.taken_over(row.as_ref().is_ok_and(foreign));
    let row = row.map(|row| row.map(|row| row.progress));
    let row = row.as_ref().map(Option::as_ref);
    let judging = (&audit.patience, audit.migration.reasons());
    judge_unit(&audit.unit_steps, row, context, judging).await
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
        wanted: &Wanted,
        cursor: Option<ItemId>,
        flying: &mut Flying,
    ) -> ListingEnd {
        let audit = &self.audit;
        let stop = &audit.parts.stop;
        let (mut after, mut tries) = (cursor, Tries::default());
        let mut planned_unit = false;
        let mut items = self.listing(wanted, after.clone());
        loop {
            let item = tokio::select! {
                biased;
                () = stop.reached(Degree::Drain) => return ListingEnd::Stopped,
                item = caught("the listing", async { items.next().await.transpose() }) => item,
            };
            let item = match item {
                Ok(None) => return ListingEnd::Whole,
                Ok(Some(item)) => item,
                Err(failure) if failure.class == Class::Fatal => {
                    audit.die(&failure);
                    return ListingEnd::Stopped;
                }
                Err(failure) => {
                    let Some(wait) = audit.patience.wait(&mut tries, &failure) else {
                        return ListingEnd::Broken(after, failure);
                    };
                    tokio::select! {
                        biased;
                        () = stop.reached(Degree::Drain) => return ListingEnd::Stopped,
                        () = tokio::time::sleep(wait) => {}
                    }
                    items = self.listing(wanted, after.clone());
                    continue;
                }
            };
            tries.reset();
            let id = self.name(&item);
            after = Some(id.clone());
            if !wanted.choice.takes(&self.id, &id) {
                continue;
            }
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
        wanted: &'a Wanted,
        after: Option<ItemId>,
    ) -> BoxStream<'a, Result<Listed<M>, Failure>> {
        let Some(named) = &wanted.named else {
            let within = Between::default().from(after);
            let items = self.audit.migration.items(&self.context, within);
            return items.map_ok(Listed::Item).boxed();
        };
        let left = named
            .iter()
            .filter(move |id| after.as_ref().is_none_or(|after| *id > after));
        stream::iter(left.map(|id| Ok(Listed::Named(id.clone())))).boxed()
    }

    fn name(&self, item: &Listed<M>) -> ItemId {
        match item {
            Listed::Item(item) => self.audit.migration.item_id(item),
            Listed::Named(id) => id.clone(),
        }
    }

    /// Waits for a slot and starts the look; `false` when none may be begun any more.
    async fn begin(&self, id: ItemId, item: Listed<M>, flying: &mut Flying) -> bool {
        let audit = &self.audit;
        let admission = tokio::select! {
            biased;
            () = audit.parts.stop.reached(Degree::Drain) => return false,
            admission = audit.gate.admit() => admission,
        };
        let Admission::Slot(slot) = admission else {
            return false;
        };
        let ticket = audit.begin(&self.id, &id);
        let this = self.clone();
        let task = async move {
            this.one(id, &item, ticket).await;
            drop(slot);
        };
        flying.push(AbortOnDropHandle::new(audit.parts.tasks.spawn(task)));
        self.make_room(flying).await;
        true
    }

    /// Lets looks in flight end while there are too many ahead of the slowest one.
    async fn make_room(&self, flying: &mut Flying) {
        loop {
            let landed = match flying.next().now_or_never() {
                Some(landed) => landed,
                None if self.ahead() < self.audit.config.pace.window => return,
                None => flying.next().await,
            };
            match landed {
                Some(landed) => self.landed(landed),
                None => return,
            }
        }
    }

    fn ahead(&self) -> usize {
        self.audit.tracked(&self.id, |tracker| tracker.ahead())
    }

    /// A look whose task died is missing among the verdicts, which is told.
    fn landed(&self, landed: Result<(), tokio::task::JoinError>) {
        if let Err(error) = landed {
            tracing::error!(unit = %self.id, %error, "a check ended without a verdict");
            self.audit.unfinished();
        }
    }

    /// Looks at one item, unless the audit ends before.
    async fn one(&self, id: ItemId, item: &Listed<M>, ticket: Ticket) {
        let (audit, unit) = (&self.audit, &self.id);
        audit.parts.events.publish(Event::ItemStarted {
            unit: unit.clone(),
            item: id.clone(),
        });
        let judged = tokio::select! {
            biased;
            judged = self.judge(&id, item) => Some(judged),
            () = enough(&audit.parts.stop) => None,
        };
        let fatal = judged.as_ref().and_then(Judged::fatal);
        if let Some(failure) = fatal {
            audit.die(failure);
        }
        match judged {
            Some(judged) if judged.fatal().is_none() => {
                audit.plan(&judged);
                let judged = judged.with(&self.of_unit, audit.migration.reasons());
                audit.settle(unit, id, ticket, judged);
            }
            _ => {
                audit.unfinished();
                let unit = unit.clone();
                audit
                    .parts
                    .events
                    .publish(Event::ItemDropped { unit, item: id });
            }
        }
    }

    async fn judge(&self, id: &ItemId, item: &Listed<M>) -> Judged {
        let (audit, unit) = (&self.audit, &self.context);
        let migration = &*audit.migration;
        let found;
        let item = match item {
            Listed::Item(item) => item,
            Listed::Named(id) => {
                let find = || caught("finding it", migration.item(unit, id)).boxed();
                match audit.patience.with(find).await {
                    Ok(item) => found = item,
                    Err(failure) => {
                        return Judged::new(Vec::new(), Some(failure), audit.migration.reasons());
                    }
                }
                &found
            }
        };
        let judged = judge(migration, &audit.steps, &audit.patience, unit, item).await;
        if let Some(failure) = judged.internal() {
            tracing::error!(unit = %self.id, item = %id, "{}", failure.message);
        }
        judged
    }
}

/// Ready when looks in flight are not waited for any longer.
async fn enough(stop: &Stop) {
    let drained = async {
        stop.reached(Degree::Drain).await;
        tokio::time::sleep(GRACE).await;
    };
    tokio::select! {
        biased;
        () = stop.reached(Degree::Abort) => {}
        () = drained => {}
    }
}
