//! The sum of all progress rows while a run works, and at its end.

use std::time::Duration;

use tokio_util::task::AbortOnDropHandle;

use super::{Session, Workload};
use crate::model::{InstanceId, UnixMillis};
use crate::monitor::{self, Totals};
use crate::state::{StateError, Store};

/// Age at which the stored sum is made again while instances run.
const SUM_EVERY: Duration = Duration::from_mins(1);
/// How long the end of a run waits for the sum.
pub(super) const PATIENCE: Duration = Duration::from_secs(20);
/// The same after an abort.
pub(super) const HURRY: Duration = Duration::from_secs(2);

/// Keeps the stored sum fresh until the handle is dropped; of several instances one at a time does so.
pub(super) fn keep_fresh<W: Workload>(
    session: &Session<W>,
    by: &InstanceId,
) -> AbortOnDropHandle<()> {
    let (store, by) = (session.store.clone(), by.clone());
    let keeping = async move {
        loop {
            if let Err(error) = store.refresh_totals(&by, SUM_EVERY).await {
                tracing::warn!(%error, "the progress rows are not summed up");
            }
            tokio::time::sleep(SUM_EVERY).await;
        }
    };
    AbortOnDropHandle::new(session.tasks.spawn(keeping))
}

/// How far everything is when a run ends, and how many units of the plan have no row; `None`, and a warning, if that
/// cannot be told now.
pub(super) async fn at_end<W: Workload>(
    session: &Session<W>,
    by: &InstanceId,
    patience: Duration,
) -> Option<(Totals, u64)> {
    let now = session.clock.now();
    let store = &session.store;
    let asking = async { tokio::try_join!(sum(store, by, now), store.current_plan()) };
    match tokio::time::timeout(patience, asking).await {
        Ok(Ok((totals, plan))) => totals.map(|totals| {
            let planned = plan.map_or(0, |plan| plan.units);
            let without_row = planned.saturating_sub(totals.units.all());
            (totals, without_row)
        }),
        Ok(Err(error)) => {
            tracing::warn!(%error, "the progress rows are not summed up");
            None
        }
        Err(_) => {
            tracing::warn!("the progress rows are not summed up: it takes too long");
            None
        }
    }
}

async fn sum(
    store: &Store,
    by: &InstanceId,
    now: UnixMillis,
) -> Result<Option<Totals>, StateError> {
    if let Some(own) = store.refresh_totals(by, Duration::ZERO).await? {
        let live = true;
        return Ok(Some(monitor::totals_of(
            &own.totals,
            own.taken_at,
            live,
            now,
        )));
    }
    // Another instance sums at this moment.
    monitor::totals(store, now).await
}
