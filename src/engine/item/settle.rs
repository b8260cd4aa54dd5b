//! The second retry tier: an item as a whole, until it has its last word.

use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::sync::OwnedSemaphorePermit;

use crate::engine::Migration;
use crate::engine::shared::Shared;
use crate::model::{Class, Event, Failure, Reason, Settled};
use crate::runtime::{Degree, Moment, full_jitter};

use super::attempt::attempt;
use super::context::{End, ItemContext};

/// Attempts the item until it has its last word. None when the run stopped before: the item is
/// then as if it had not been taken, whatever effects it already has.
///
/// `slot` is the item's place among those in flight: given up while the item waits, and held by the caller until the last
/// word is written.
pub(crate) async fn settle<M: Migration>(
    run: &Shared<M>,
    context: &ItemContext<'_, M>,
    slot: &mut Option<OwnedSemaphorePermit>,
) -> Option<End> {
    let mut tried = Tried::default();
    loop {
        tried.attempts += 1;
        let attempts = tried.attempts;
        let failure = match attempt(run, context).await {
            Ok(settled) => {
                // An earlier attempt may have made effects that were seen too late.
                let settled = match settled {
                    Settled::Found if context.touched.load(Ordering::Acquire) => Settled::Migrated,
                    settled => settled,
                };
                return Some(End {
                    settled,
                    failure: None,
                    attempts,
                });
            }
            Err(failure) => failure,
        };
        tracing::debug!(unit = %context.unit.id, item = %context.id, class = %failure.class, reason = %failure.reason, attempts, "{}", failure.message);
        if failure.class == Class::Fatal {
            run.die(&failure);
            return None;
        }
        if failure.reason == Reason::LeaseLost {
            return None;
        }
        if tried.is_over(run, &failure) {
            return Some(End {
                settled: Settled::by_class(failure.class),
                failure: Some(failure),
                attempts,
            });
        }
        let wait = wait(run, tried.attempts + tried.excused, &failure);
        run.events.publish(Event::ItemRetried {
            unit: context.unit.id.clone(),
            item: context.id.clone(),
            attempts: tried.attempts,
            failure,
        });
        drop(slot.take());
        tokio::select! {
            biased;
            () = tokio::time::sleep(wait) => {}
            () = run.stop.reached(Degree::Drain) => return None,
        }
        *slot = tokio::select! {
            biased;
            slot = run.gate.slot() => Some(slot),
            () = run.stop.reached(Degree::Drain) => return None,
        };
        run.events.publish(Event::ItemResumed {
            unit: context.unit.id.clone(),
            item: context.id.clone(),
        });
    }
}

/// Attempts at an item.
#[derive(Default)]
struct Tried {
    /// Those that count.
    attempts: u32,
    /// Those that an outage excuses.
    excused: u32,
    /// When the first one failed.
    first: Option<Moment>,
}

impl Tried {
    /// Whether a failure is the item's last word.
    fn is_over<M: Migration>(&mut self, run: &Shared<M>, failure: &Failure) -> bool {
        let first = *self.first.get_or_insert_with(Moment::now);
        if failure.class == Class::Permanent {
            return true;
        }
        if run.excuses(failure, first) {
            self.attempts -= 1;
            self.excused += 1;
            return false;
        }
        self.attempts >= run.config.pace.attempts
    }
}

fn wait<M: Migration>(run: &Shared<M>, attempts: u32, failure: &Failure) -> Duration {
    let pace = &run.config.pace;
    let grown = pace
        .attempt_wait
        .saturating_mul(2_u32.saturating_pow(attempts.saturating_sub(1)))
        .min(pace.longest_attempt_wait);
    full_jitter(grown).max(failure.retry_after.unwrap_or_default())
}
