//! The work on a unit in this process.

use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use futures::future::BoxFuture;

use crate::engine::Migration;
use crate::engine::shared::Shared;
use crate::model::{Event, Pass, Status, UnixMillis};
use crate::state::{ProgressRow, Reopen};

use super::LeasedUnit;
use super::alone::steps_alone;
use super::claim::{ClaimRequest, claim, unrecorded};
use super::end::{Interrupted, UnitEnd};
use super::finish::{finish, leave, on_save_failed, save};
use super::pass::{PassOutcome, run_pass};
use super::plan_split::plan_split;
use super::split::{SplitUnit, clear, sum};

/// The last pass, counted from 0, takes all new items, so that differing clocks cannot keep a unit open.
const BOUNDED_PASSES: u32 = 3;

/// Items younger than this are left to a later pass, because a source writes the time of an item by its own clock and
/// before the item is visible. AWS refuses requests whose clock is more than five minutes off (Signature Version 4), so
/// clocks cannot differ by more.
const YOUNG: Duration = Duration::from_mins(5);

/// Claims a unit, runs its passes, and ends or releases it.
pub(crate) async fn work<M: Migration>(run: Arc<Shared<M>>, request: ClaimRequest) -> UnitEnd {
    let leased = if run.keeps_records() {
        let reopen = match request.helping {
            None if request.unit.id.part.is_none() => run.config.reopen,
            _ => Reopen::No,
        };
        match claim(&run, &request, reopen).await {
            Ok(leased) => leased,
            Err(end) => return end,
        }
    } else {
        match unrecorded(&run, &request.unit).await {
            Ok(leased) => leased,
            Err(failure) => return UnitEnd::Failed(failure),
        }
    };
    let before = leased.lock().progress_with_known();
    if let Some(from) = request.helping {
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
    leased.while_renewing(run_passes(&leased)).await
}

/// Runs passes until one finds nothing new. A part has one pass.
pub(crate) async fn run_passes<M: Migration>(leased: &LeasedUnit<M>) -> UnitEnd {
    let settled_by = settled_by(leased);
    leased.lock().change(|progress| {
        progress.status = Status::InProgress;
        progress.error = None;
        if progress.pass.until == UnixMillis::ZERO {
            progress.pass = Pass::first(settled_by);
        }
    });
    if let Err(save_error) = save(leased).await {
        return on_save_failed(leased, save_error);
    }
    let is_part = leased.id.part.is_some();
    if !is_part && let Err(interrupted) = run_parts(leased, |this| next_after(leased, this)).await {
        return leave(leased, interrupted).await;
    }
    loop {
        // A pass that resumes at a cursor does not know what was added below it.
        let whole = leased.lock().progress().cursor.is_none();
        let PassOutcome { taken, deferred } = match run_pass(leased).await {
            Ok(outcome) => outcome,
            Err(interrupted) => return leave(leased, interrupted).await,
        };
        let this = leased.lock().progress().pass;
        let nothing_new = whole && taken == 0 && deferred == 0;
        let was_last = this.until == UnixMillis::MAX || (this.number > 0 && nothing_new);
        if was_last || is_part {
            return finish(leased).await;
        }
        let next = next_after(leased, this);
        leased.lock().rewind(|progress| progress.pass = next);
    }
}

/// Splits a large unit, and works on its parts until all ended. The unit then has their sum, and continues with the
/// pass from `next`.
async fn run_parts<M: Migration>(
    leased: &LeasedUnit<M>,
    next: impl Fn(Pass) -> Pass,
) -> Result<(), Interrupted> {
    if leased.lease.is_none() {
        return Ok(());
    }
    clear(leased).await.map_err(Interrupted::Failed)?;
    if leased.lock().progress().open_split().is_none() {
        if !plan_split(leased).await? {
            return Ok(());
        }
        save(leased).await.map_err(Interrupted::NotSaved)?;
    }
    let Some(parts) = SplitUnit::of(leased) else {
        return Ok(());
    };
    let rows = until_all_ended(&parts).await?;
    let (counts, reasons) = sum(&rows);
    leased.lock().rewind(|progress| {
        (progress.counts, progress.reasons) = (counts, reasons);
        progress.pass = next(progress.pass);
        if let Some(split) = &mut progress.split {
            split.close();
        }
    });
    save(leased).await.map_err(Interrupted::NotSaved)?;
    tracing::info!(unit = %leased.id, parts = rows.len(), "all parts have ended");
    clear(leased).await.map_err(Interrupted::Failed)
}

/// Works on parts that nobody else holds, until all ended.
async fn until_all_ended<M: Migration>(
    parts: &SplitUnit<'_, M>,
) -> Result<Vec<ProgressRow>, Interrupted> {
    loop {
        let rows = parts.rows().await.map_err(Interrupted::Failed)?;
        parts.fold(&rows, None);
        if rows.iter().all(|row| row.progress.status.is_ended()) {
            return Ok(rows);
        }
        if parts.is_stopped() {
            return Err(Interrupted::Stopped);
        }
        let Some(request) = parts.choose(&rows) else {
            parts.pause().await;
            continue;
        };
        let Some(part) = request.unit.id.part else {
            continue;
        };
        parts.forget_reported(part);
        let run = Arc::clone(parts.run());
        let end = tokio::select! {
            biased;
            end = work_on_part(run, request) => end,
            never = parts.tend(part) => match never {},
        };
        match end {
            UnitEnd::Ended | UnitEnd::Held(_) => {}
            UnitEnd::Released | UnitEnd::Lost if parts.is_stopped() => {}
            UnitEnd::Released | UnitEnd::Lost => parts.pause().await,
            UnitEnd::Failed(failure) => return Err(Interrupted::Failed(failure)),
        }
    }
}

/// Works on a part like on any unit.
fn work_on_part<M: Migration>(
    run: Arc<Shared<M>>,
    part: ClaimRequest,
) -> BoxFuture<'static, UnitEnd> {
    work(run, part).boxed()
}

/// Items that were added before this time are visible by now.
fn settled_by<M: Migration>(leased: &LeasedUnit<M>) -> UnixMillis {
    leased.run.clock.now() - YOUNG
}

fn next_after<M: Migration>(leased: &LeasedUnit<M>, this: Pass) -> Pass {
    let mut next = this.next(settled_by(leased));
    if next.number >= BOUNDED_PASSES {
        next.until = UnixMillis::MAX;
    }
    next
}
