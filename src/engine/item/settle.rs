//! The second retry tier: an item as a whole, until it has its final outcome.

use std::sync::atomic::Ordering;

use tokio::sync::OwnedSemaphorePermit;

use crate::engine::Migration;
use crate::engine::attempts::Attempts;
use crate::engine::shared::Shared;
use crate::model::{Class, Event, Reason, Settled};
use crate::runtime::StopLevel;

use super::attempt::attempt;
use super::context::{End, ItemContext};

/// Attempts the item until it has its final outcome. `None` if the run stopped first: then the item counts as not
/// started, whatever effects it has.
///
/// `slot` is the item's place among those in flight. It is released while the item waits, and held by the caller until
/// the outcome is written.
pub(crate) async fn settle<M: Migration>(
    run: &Shared<M>,
    context: &ItemContext<'_, M>,
    slot: &mut Option<OwnedSemaphorePermit>,
) -> Option<End> {
    let mut attempts = Attempts::default();
    loop {
        let failure = match attempt(run, context).await {
            Ok(settled) => {
                // An earlier attempt may have made effects that became visible late.
                let settled = match settled {
                    Settled::Found if context.touched.load(Ordering::Acquire) => Settled::Migrated,
                    settled => settled,
                };
                return Some(End {
                    settled,
                    failure: None,
                    attempts: attempts.counted + 1,
                });
            }
            Err(failure) => failure,
        };
        tracing::debug!(unit = %context.unit.id, item = %context.id, class = %failure.class, reason = %failure.reason, "{}", failure.message);
        if failure.class == Class::Fatal {
            run.die(&failure);
            return None;
        }
        if failure.reason == Reason::LEASE_LOST {
            return None;
        }
        let is_excused = |first| run.excuses(&failure, first);
        let Some(wait) = attempts.failed(&run.config.pace, &failure, is_excused) else {
            return Some(End::failed(failure, attempts.counted));
        };
        run.events.publish(Event::ItemRetried {
            unit: context.unit.id.clone(),
            item: context.id.clone(),
            attempts: attempts.counted,
            failure,
        });
        drop(slot.take());
        if !run.wait(wait).await {
            return None;
        }
        *slot = tokio::select! {
            biased;
            slot = run.admission.slot() => Some(slot),
            () = run.stop.reached(StopLevel::Drain) => return None,
        };
        run.events.publish(Event::ItemResumed {
            unit: context.unit.id.clone(),
            item: context.id.clone(),
        });
    }
}
