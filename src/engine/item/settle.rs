//! The second retry tier: an item as a whole, until it has its last word.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::sync::OwnedSemaphorePermit;

use crate::engine::shared::Shared;
use crate::engine::unit::Keeper;
use crate::engine::{Migration, UnitContext};
use crate::model::{Class, Event, Failure, Fence, ItemId, Reason, Settled, UnitId};
use crate::runtime::{Degree, Moment, full_jitter};

use super::attempt::attempt;

/// An item in hand.
pub(crate) struct Hand<'a, M: Migration> {
    pub(crate) unit: &'a UnitContext,
    pub(crate) id: ItemId,
    pub(crate) item: &'a M::Item,
    /// What orders its journal lines among those of others.
    pub(crate) fence: Fence,
    /// The lease of the unit, if there is one.
    pub(crate) lease: Option<&'a Keeper>,
    /// Whether an effect was begun, in whichever attempt.
    pub(crate) touched: AtomicBool,
}

impl<M: Migration> Hand<'_, M> {
    /// What its journal lines are about, and what orders them.
    pub(super) fn place(&self) -> (&UnitId, Fence) {
        (&self.unit.id, self.fence)
    }

    /// Whether effects may still be made: not when the lease is lost or near its end.
    pub(super) fn check_lease(&self) -> Result<(), Failure> {
        match self.lease {
            Some(lease) if !lease.is_trusted() => Err(Failure::unknown(
                Reason::LEASE_LOST,
                format!("the lease of {} can no longer be trusted", self.unit.id),
            )),
            _ => Ok(()),
        }
    }
}

/// An item's last word in this run.
#[derive(Debug, Clone)]
pub(crate) struct End {
    pub(crate) settled: Settled,
    pub(crate) failure: Option<Failure>,
    pub(crate) attempts: u32,
}

/// Attempts the item until it has its last word. None when the run stopped before: the item is
/// then as if it had not been taken, whatever effects it already has.
///
/// `slot` is the item's place among those in flight: given up while the item waits, and held by the caller until the last
/// word is written.
pub(crate) async fn settle<M: Migration>(
    run: &Shared<M>,
    hand: &Hand<'_, M>,
    slot: &mut Option<OwnedSemaphorePermit>,
) -> Option<End> {
    let mut tried = Tried::default();
    loop {
        tried.attempts += 1;
        let attempts = tried.attempts;
        let failure = match attempt(run, hand).await {
            Ok(settled) => {
                // An earlier attempt may have made effects that were seen too late.
                let settled = match settled {
                    Settled::Found if hand.touched.load(Ordering::Acquire) => Settled::Migrated,
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
        tracing::debug!(unit = %hand.unit.id, item = %hand.id, class = %failure.class, reason = %failure.reason, attempts, "{}", failure.message);
        if failure.class == Class::Fatal {
            run.die(&failure);
            return None;
        }
        if failure.reason == Reason::LEASE_LOST {
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
            unit: hand.unit.id.clone(),
            item: hand.id.clone(),
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
            unit: hand.unit.id.clone(),
            item: hand.id.clone(),
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
