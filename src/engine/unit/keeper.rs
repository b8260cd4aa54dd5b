//! Keeps a lease while its unit is worked on, and knows when not to trust it any more.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::timeout_at;
use tokio_util::sync::CancellationToken;

use crate::engine::Migration;
use crate::engine::shared::Shared;
use crate::model::Lease;
use crate::runtime::Moment;

use super::InHand;

/// A lease that is held. Judged on one's own monotonic clock only: a process that was frozen
/// finds its lease stale when it thaws, before it makes an effect.
#[derive(Debug)]
pub(crate) struct Keeper {
    state: Mutex<State>,
    term: Duration,
    token: CancellationToken,
}

#[derive(Debug)]
struct State {
    lease: Lease,
    /// When the last renewal that succeeded was asked for.
    asked: Moment,
}

impl Keeper {
    /// A lease that was asked for at `asked`. `token` stops the unit's work when it is lost.
    pub(crate) fn new(
        lease: Lease,
        asked: Moment,
        term: Duration,
        token: CancellationToken,
    ) -> Self {
        Self {
            state: Mutex::new(State { lease, asked }),
            term,
            token,
        }
    }

    /// The lease as it is now.
    pub(crate) fn lease(&self) -> Lease {
        self.lock().lease.clone()
    }

    /// Whether effects may be made under it.
    pub(crate) fn is_trusted(&self) -> bool {
        !self.token.is_cancelled() && Moment::now() < self.trusted_until()
    }

    /// Cancelled when the lease is lost or the run aborts.
    pub(crate) fn token(&self) -> CancellationToken {
        self.token.clone()
    }

    /// Stops the unit's work: the lease is another's.
    pub(crate) fn lose(&self) {
        self.token.cancel();
    }

    fn trusted_until(&self) -> Moment {
        self.lock().asked + self.term * 3 / 4
    }

    fn renewed(&self, lease: Lease, asked: Moment) {
        *self.lock() = State { lease, asked };
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Renews until the lease is lost, and writes the row along with it when it changed. Returns only
/// when it is lost. No limit and no throttle stands before these writes.
pub(crate) async fn keep<M: Migration>(run: &Shared<M>, hand: &InHand<M>, keeper: &Keeper) {
    let term = run.config.pace.lease_term;
    loop {
        tokio::time::sleep(term / 6).await;
        let trusted_until = keeper.trusted_until();
        if Moment::now() >= trusted_until || !beat(run, keeper, trusted_until).await {
            break;
        }
        if hand.lock().take_changed() && !save(run, hand, keeper).await {
            break;
        }
    }
    keeper.lose();
}

/// One renewal; `false` when the lease is lost.
async fn beat<M: Migration>(run: &Shared<M>, keeper: &Keeper, until: Moment) -> bool {
    let asked = Moment::now();
    let term = run.config.pace.lease_term;
    let expires = run.clock.unix_ms() + u64::try_from(term.as_millis()).unwrap_or(u64::MAX);
    let lease = keeper.lease();
    match timeout_at(until, run.store.renew(&lease, expires)).await {
        Ok(Ok(Some(renewed))) => {
            keeper.renewed(renewed, asked);
            true
        }
        Ok(Ok(None)) => false,
        // Tried again at the next beat, until the lease is not to be trusted any more.
        Ok(Err(error)) => {
            tracing::warn!(unit = %lease.unit, %error, "lease not renewed");
            true
        }
        Err(_) => false,
    }
}

/// Writes the row; `false` when the lease is lost.
async fn save<M: Migration>(run: &Shared<M>, hand: &InHand<M>, keeper: &Keeper) -> bool {
    let progress = hand.lock().progress().clone();
    let (lease, now) = (keeper.lease(), run.clock.unix_ms());
    let saved = timeout_at(
        keeper.trusted_until(),
        run.store.save_progress(&lease, &progress, now),
    );
    match saved.await {
        Ok(Ok(held)) => held,
        Ok(Err(error)) => {
            hand.lock().keep_changed();
            tracing::warn!(unit = %progress.unit, %error, "progress not written");
            true
        }
        Err(_) => {
            hand.lock().keep_changed();
            true
        }
    }
}
