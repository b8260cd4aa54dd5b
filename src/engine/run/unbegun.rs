//! Units that a drained run did not start: reads their rows, so that the final report is correct.

use std::time::Duration;

use futures::StreamExt;
use futures::stream;

use crate::engine::Migration;
use crate::engine::shared::Shared;
use crate::engine::unit::ended_before;
use crate::model::{Event, Unit};

/// Rows that are read at once.
const AT_ONCE: usize = 16;
/// The longest time for reading all rows.
const PATIENCE: Duration = Duration::from_secs(5);

/// Reads the rows of units and publishes their progress. Returns how many have not ended, including those whose row was
/// not read in time.
pub(super) async fn publish<M: Migration>(run: &Shared<M>, units: Vec<Unit>) -> u64 {
    let all = units.len() as u64;
    let until = tokio::time::Instant::now() + PATIENCE;
    let rows = stream::iter(units).map(|unit| async move {
        let row = run.store.progress_row(&unit.id).await;
        (unit, row.ok().flatten())
    });
    let mut rows = rows.buffer_unordered(AT_ONCE);
    let mut ended = 0;
    while let Ok(Some((unit, row))) = tokio::time::timeout_at(until, rows.next()).await {
        let Some(row) = row else { continue };
        if row.progress.status.is_ended() && !run.config.reopen.opens(&row) {
            let by = row.last_holder();
            ended_before(run, &unit, row.progress, by);
            ended += 1;
        } else {
            run.events.publish(Event::UnitCounted {
                announced: unit.planned.unwrap_or(0),
                unit: unit.id,
                counts: row.progress.counts,
                reasons: row.progress.reasons,
            });
        }
    }
    all - ended
}
