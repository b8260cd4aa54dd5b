//! The life of a unit in this process.

use std::sync::Arc;

use futures::FutureExt;
use futures::future::BoxFuture;

use crate::engine::Migration;
use crate::engine::shared::Shared;
use crate::model::{Event, Status, Sweep};
use crate::state::{ProgressRow, Reopen};

use super::LeasedUnit;
use super::alone::steps_alone;
use super::claim::{ClaimRequest, claim, unrecorded};
use super::cut::cut;
use super::end::{Interrupted, UnitEnd};
use super::finish::{finish, leave, save, unsaved};
use super::parts::{Parts, clear, sum};
use super::sweep::{Swept, sweep};

/// After so many sweeps the last one takes whatever is new: clocks that differ must not keep a
/// unit open.
const BOUNDED_SWEEPS: u32 = 3;

/// Sources write the time of an item before it can be seen, by clocks of their own: items younger
/// than this, milliseconds, are left to a later sweep, so that none slips in behind one. AWS refuses
/// requests whose clock is more than five minutes off (Signature Version 4), so no clock that can
/// work at all differs by more.
const YOUNG_MS: u64 = 5 * 60_000;

/// Leases a unit, sweeps it, and settles it or gives it back.
pub(crate) async fn work<M: Migration>(run: Arc<Shared<M>>, wanted: ClaimRequest) -> UnitEnd {
    let leased = if run.keeps_records() {
        let reopen = match wanted.helping {
            None if wanted.unit.id.part.is_none() => run.config.reopen,
            _ => Reopen::No,
        };
        match claim(&run, &wanted, reopen).await {
            Ok(leased) => leased,
            Err(end) => return end,
        }
    } else {
        match unrecorded(&run, &wanted.unit).await {
            Ok(leased) => leased,
            Err(failure) => return UnitEnd::Trouble(failure),
        }
    };
    let before = leased.lock().progress_with_known();
    if let Some(from) = wanted.helping {
        let unit = before.unit.clone();
        tracing::info!(%unit, %from, "helping");
        run.events.publish(Event::UnitTaken { unit, from });
    }
    run.events.publish(Event::UnitLeased {
        unit: before.unit,
        counts: before.counts,
        reasons: before.reasons,
        taken_over: before.taken_over,
    });
    if leased.lease.is_none() && run.steps.is_empty() {
        return steps_alone(&leased).await;
    }
    leased.while_renewing(sweeps(&leased)).await
}

/// Sweeps until nothing new came; a part is swept once.
pub(crate) async fn sweeps<M: Migration>(leased: &LeasedUnit<M>) -> UnitEnd {
    let settled_by = settled_by(leased);
    leased.lock().change(|progress| {
        progress.status = Status::InProgress;
        progress.error = None;
        if progress.sweep.until == 0 {
            progress.sweep = Sweep::first(settled_by);
        }
    });
    if let Err(unwritten) = save(leased).await {
        return unsaved(leased, unwritten);
    }
    let is_part = leased.id.part.is_some();
    if !is_part && let Err(interrupted) = share(leased, |this| next_after(leased, this)).await {
        return leave(leased, interrupted).await;
    }
    loop {
        // One that goes on where another process was knows nothing of what came below its cursor.
        let whole = leased.lock().progress().cursor.is_none();
        let Swept { taken, deferred } = match sweep(leased).await {
            Ok(swept) => swept,
            Err(interrupted) => return leave(leased, interrupted).await,
        };
        let this = leased.lock().progress().sweep;
        let nothing_new = whole && taken == 0 && deferred == 0;
        let was_last = this.until == u64::MAX || (this.number > 0 && nothing_new);
        if was_last || is_part {
            return finish(leased).await;
        }
        let next = next_after(leased, this);
        leased.lock().rewind(|progress| progress.sweep = next);
    }
}

/// Splits the unit if it is a giant, and works on its parts until all have ended; then the unit has
/// their sum, and goes on with the sweep that `next` gives.
async fn share<M: Migration>(
    leased: &LeasedUnit<M>,
    next: impl Fn(Sweep) -> Sweep,
) -> Result<(), Interrupted> {
    if leased.lease.is_none() {
        return Ok(());
    }
    clear(leased).await.map_err(Interrupted::Trouble)?;
    if leased.lock().progress().open_split().is_none() {
        if !cut(leased).await? {
            return Ok(());
        }
        save(leased).await.map_err(Interrupted::Unwritten)?;
    }
    let Some(parts) = Parts::of(leased) else {
        return Ok(());
    };
    let rows = until_all_ended(&parts).await?;
    let (counts, reasons) = sum(&rows);
    leased.lock().rewind(|progress| {
        (progress.counts, progress.reasons) = (counts, reasons);
        progress.sweep = next(progress.sweep);
        if let Some(split) = &mut progress.split {
            split.close();
        }
    });
    save(leased).await.map_err(Interrupted::Unwritten)?;
    tracing::info!(unit = %leased.id, parts = rows.len(), "all parts have ended");
    clear(leased).await.map_err(Interrupted::Trouble)
}

/// Works on the parts that nobody else works on, until all have ended.
async fn until_all_ended<M: Migration>(
    parts: &Parts<'_, M>,
) -> Result<Vec<ProgressRow>, Interrupted> {
    loop {
        let rows = parts.rows().await.map_err(Interrupted::Trouble)?;
        parts.fold(&rows, None);
        if rows.iter().all(|row| row.progress.status.is_ended()) {
            return Ok(rows);
        }
        if parts.is_stopped() {
            return Err(Interrupted::Stopped);
        }
        let Some(wanted) = parts.choose(&rows) else {
            parts.pause().await;
            continue;
        };
        let Some(part) = wanted.unit.id.part else {
            continue;
        };
        parts.forget_told(part);
        let run = Arc::clone(parts.run());
        let end = tokio::select! {
            biased;
            end = work_on_part(run, wanted) => end,
            never = parts.tend(part) => match never {},
        };
        match end {
            UnitEnd::Ended | UnitEnd::Held(_) => {}
            UnitEnd::Released | UnitEnd::Lost if parts.is_stopped() => {}
            UnitEnd::Released | UnitEnd::Lost => parts.pause().await,
            UnitEnd::Trouble(failure) => return Err(Interrupted::Trouble(failure)),
        }
    }
}

/// Works on a part as on any unit.
fn work_on_part<M: Migration>(
    run: Arc<Shared<M>>,
    part: ClaimRequest,
) -> BoxFuture<'static, UnitEnd> {
    work(run, part).boxed()
}

/// Items that came before this can be seen by now.
fn settled_by<M: Migration>(leased: &LeasedUnit<M>) -> u64 {
    leased.run.clock.unix_ms().saturating_sub(YOUNG_MS)
}

fn next_after<M: Migration>(leased: &LeasedUnit<M>, this: Sweep) -> Sweep {
    let mut next = this.next(settled_by(leased));
    if next.number >= BOUNDED_SWEEPS {
        next.until = u64::MAX;
    }
    next
}
