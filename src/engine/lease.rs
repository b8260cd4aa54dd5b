//! A held lease: the only way to write the row of its unit, and for how long it is trusted.
//!
//! It is renewed by [`LeasedUnit::renew_until_lost`](super::unit::LeasedUnit).

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::model::{Epoch, FailedItem, Failure, ItemId, Lease, Reason, UnitProgress};
use crate::runtime::Instant;
use crate::state::{self, Store};

/// A held lease. It is judged by the own monotonic clock only: a process that was frozen finds its lease expired before
/// it makes an effect.
///
/// All writes of the row go through here, one after the other.
#[derive(Debug)]
pub(crate) struct LeaseGuard {
    store: Store,
    /// The lease as granted: the fence of all other rows that are written under it.
    given: Lease,
    /// Serialises writes of failure rows, because each of them checks the row of the unit.
    failures: tokio::sync::Mutex<()>,
    /// `None` after the release.
    lease: tokio::sync::Mutex<Option<Lease>>,
    /// When the last write that renewed it was sent.
    asked: Mutex<Instant>,
    term: Duration,
    token: CancellationToken,
    /// Whether only the steps of the unit are written to the row.
    only_steps: bool,
}

/// Why a row was not written.
#[derive(Debug)]
pub(crate) enum SaveError {
    /// Another holds the lease, or it was released. The work on the unit was stopped.
    Lost,
    /// The write failed, and a retry may succeed.
    State(state::StateError),
}

impl SaveError {
    /// As a failure of the work.
    pub(crate) fn failure(&self) -> Failure {
        match self {
            Self::Lost => Failure::unknown(Reason::LEASE_LOST, "another holds the lease"),
            Self::State(error) => error.failure(),
        }
    }
}

impl From<state::StateError> for SaveError {
    fn from(error: state::StateError) -> Self {
        if error.is_lost_lease() {
            Self::Lost
        } else {
            Self::State(error)
        }
    }
}

impl LeaseGuard {
    /// A lease that was requested at `asked`. `token` stops the work on the unit when it is lost.
    pub(crate) fn new(
        store: &Store,
        lease: Lease,
        asked: Instant,
        term: Duration,
        token: CancellationToken,
    ) -> Self {
        Self {
            store: store.clone(),
            given: lease.clone(),
            failures: tokio::sync::Mutex::default(),
            lease: tokio::sync::Mutex::new(Some(lease)),
            asked: Mutex::new(asked),
            term,
            token,
            only_steps: false,
        }
    }

    /// The same, which writes only the steps of the unit.
    pub(crate) fn only_steps(mut self, only: bool) -> Self {
        self.only_steps = only;
        self
    }

    /// Whether effects may be made under the lease.
    pub(crate) fn is_trusted(&self) -> bool {
        !self.token.is_cancelled() && Instant::now() < self.trusted_until()
    }

    /// Fails if no more effects may be made.
    ///
    /// # Errors
    /// [`Reason::LEASE_LOST`] when the lease is lost or near its end.
    pub(crate) fn check(&self) -> Result<(), Failure> {
        if self.is_trusted() {
            return Ok(());
        }
        let unit = self.given.unit.whole();
        let text = format!("the lease of {unit} can no longer be trusted");
        Err(Failure::unknown(Reason::LEASE_LOST, text))
    }

    /// The fence of the lease.
    pub(crate) fn epoch(&self) -> Epoch {
        self.given.epoch
    }

    /// Writes the row of an item that failed.
    pub(crate) async fn put_failed(&self, failed: &FailedItem) -> Result<(), state::StateError> {
        let _one_at_a_time = self.failures.lock().await;
        self.heed(self.store.put_failed(&self.given, failed).await)
    }

    /// Removes the row of an item that is no longer bad.
    pub(crate) async fn remove_failed(&self, item: &ItemId) -> Result<(), state::StateError> {
        let _one_at_a_time = self.failures.lock().await;
        self.heed(self.store.remove_failed(&self.given, item).await)
    }

    /// A refused write means that the lease is lost.
    fn heed(&self, written: Result<(), state::StateError>) -> Result<(), state::StateError> {
        if written
            .as_ref()
            .is_err_and(state::StateError::is_lost_lease)
        {
            self.token.cancel();
        }
        written
    }

    /// The term of the lease.
    pub(crate) fn term(&self) -> Duration {
        self.term
    }

    /// Stops the work on the unit, because the lease is lost.
    pub(crate) fn give_up(&self) {
        self.token.cancel();
    }

    /// Cancelled when the lease is lost or the run aborts.
    pub(crate) fn token(&self) -> CancellationToken {
        self.token.clone()
    }

    /// Writes the row, which renews the lease. `progress` is read when the write starts.
    pub(crate) async fn save(
        &self,
        progress: impl Future<Output = Result<UnitProgress, state::StateError>>,
    ) -> Result<(), SaveError> {
        let mut lease = self.lease.lock().await;
        let held = lease.as_mut().ok_or(SaveError::Lost)?;
        let progress = progress.await.map_err(SaveError::State)?;
        let asked = Instant::now();
        let written = if self.only_steps {
            self.store.save_steps(held, &progress).await
        } else {
            self.store.save(held, &progress).await
        };
        self.judge(written, asked)
    }

    /// Writes the row and releases the lease.
    pub(crate) async fn release(
        &self,
        progress: impl Future<Output = Result<UnitProgress, state::StateError>>,
    ) -> Result<(), SaveError> {
        let mut lease = self.lease.lock().await;
        if lease.is_none() {
            return Err(SaveError::Lost);
        }
        let progress = progress.await.map_err(SaveError::State)?;
        let held = lease.take().ok_or(SaveError::Lost)?;
        let written = if self.only_steps {
            self.store.release_steps(held, &progress).await
        } else {
            self.store.release(held, &progress).await
        };
        self.judge(written, Instant::now())
    }

    /// Renews the lease and writes nothing else.
    pub(crate) async fn renew(&self) -> Result<(), SaveError> {
        let mut lease = self.lease.lock().await;
        let held = lease.as_mut().ok_or(SaveError::Lost)?;
        let asked = Instant::now();
        let written = self.store.renew(held).await;
        self.judge(written, asked)
    }

    fn judge(
        &self,
        written: Result<(), state::StateError>,
        asked: Instant,
    ) -> Result<(), SaveError> {
        match written {
            Ok(()) => {
                *self.asked.lock().unwrap_or_else(PoisonError::into_inner) = asked;
                Ok(())
            }
            Err(error) if error.is_lost_lease() => {
                // The error names the new holder.
                tracing::warn!("{error}");
                self.token.cancel();
                Err(SaveError::Lost)
            }
            Err(error) => Err(SaveError::State(error)),
        }
    }

    /// Until when effects may be made under the lease, unless it is renewed.
    pub(crate) fn trusted_until(&self) -> Instant {
        *self.asked.lock().unwrap_or_else(PoisonError::into_inner) + self.term * 3 / 4
    }
}
