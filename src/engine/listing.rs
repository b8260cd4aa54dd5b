//! Lists the items of a unit in order, for runs, splits and audits.

use std::pin::pin;
use std::time::Duration;

use futures::StreamExt;
use futures::stream::BoxStream;

use crate::model::{Class, Failure, ItemId, UnitId};

use super::Migration;
use super::attempts::{Attempts, caught};
use super::shared::Core;

/// Items with their ids.
pub(crate) type Items<'a, T> = BoxStream<'a, Result<(ItemId, T), Failure>>;

/// The result of asking for the next item.
pub(crate) enum Next<T> {
    Item(ItemId, T),
    /// There are no more items.
    End,
    /// The run, or the work on the unit, was stopped.
    Stopped,
    /// The listing failed, and retries did not help.
    Failed(Failure),
}

/// Lists items. After a failure it continues behind the last item, while that may help.
pub(crate) struct Listing<'a, M: Migration, T> {
    core: &'a Core<M>,
    unit: &'a UnitId,
    open: Box<dyn Fn(Option<ItemId>) -> Items<'a, T> + Send + Sync + 'a>,
    items: Items<'a, T>,
    after: Option<ItemId>,
    attempts: Attempts,
    /// How long it waits for a service that is down.
    down_for: Duration,
}

impl<'a, M: Migration, T> Listing<'a, M, T> {
    /// Lists the items after `after`; `open` starts a listing.
    pub(crate) fn new(
        core: &'a Core<M>,
        unit: &'a UnitId,
        after: Option<ItemId>,
        open: impl Fn(Option<ItemId>) -> Items<'a, T> + Send + Sync + 'a,
    ) -> Self {
        Self {
            core,
            unit,
            items: open(after.clone()),
            open: Box::new(open),
            after,
            attempts: Attempts::default(),
            down_for: Duration::ZERO,
        }
    }

    /// The same, which waits this long for a service that is down.
    pub(crate) fn while_down(mut self, down_for: Duration) -> Self {
        self.down_for = down_for;
        self
    }

    /// The last item that was listed.
    pub(crate) fn last(self) -> Option<ItemId> {
        self.after
    }

    /// The next item, unless `stopped` is ready first. A fatal failure ends the run.
    pub(crate) async fn next(&mut self, stopped: impl Future<Output = ()>) -> Next<T> {
        let mut stopped = pin!(stopped);
        loop {
            let items = &mut self.items;
            let listing = self
                .core
                .in_flight
                .during("the listing", self.unit, None, async |_| {
                    items.next().await.transpose()
                });
            let item = tokio::select! {
                biased;
                () = &mut stopped => return Next::Stopped,
                item = caught("the listing", listing) => item,
            };
            let failure = match item {
                Ok(None) => return Next::End,
                Ok(Some((id, item))) => {
                    self.attempts = Attempts::default();
                    self.after = Some(id.clone());
                    return Next::Item(id, item);
                }
                Err(failure) => failure,
            };
            if failure.class == Class::Fatal {
                self.core.die(&failure);
            }
            let (core, down_for) = (self.core, self.down_for);
            let is_excused = |first: crate::runtime::Instant| {
                core.is_down(&failure) && first.elapsed() < down_for
            };
            let pace = &core.config.pace;
            let Some(wait) = self.attempts.failed(pace, &failure, is_excused) else {
                return Next::Failed(failure);
            };
            tokio::select! {
                biased;
                () = tokio::time::sleep(wait) => {}
                () = &mut stopped => return Next::Stopped,
            }
            self.items = (self.open)(self.after.clone());
        }
    }
}
